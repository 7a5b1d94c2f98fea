import type { KubeObject } from "../../../base/kube-object.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { apiError } from "../status.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { applyStrategicPatch } from "./strategic.ts";

/**
 * Chooses the patch by its content type.
 *
 * @throws MeshError 415 for a type that the resource does not take: strategic merge on custom resources, apply on a subresource
 */
export function patcherFor(
  resource: ResourceInfo,
  contentType: string,
  patch: unknown,
  fieldsType = resource.fields,
): (current: KubeObject) => unknown {
  const type = contentType.split(";")[0]!.trim();
  switch (type) {
    case "application/json-patch+json":
      return (current) => applyJsonPatch(current, patch);
    case "application/merge-patch+json":
      return (current) => applyMergePatch(current, patch);
    case "application/strategic-merge-patch+json":
      if (!fieldsType) break;
      return (current) => applyStrategicPatch(fieldsType, current, patch);
  }
  const accepted = ["application/json-patch+json", "application/merge-patch+json"];
  if (fieldsType) accepted.push("application/strategic-merge-patch+json");
  throw apiError(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format (${type}) - accepted media types include: ${accepted.join(", ")}`,
  );
}
