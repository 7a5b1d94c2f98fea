import { parseAllDocuments } from "yaml";
import { MeshError, toMeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import type { ResourceRef } from "../kube/source.ts";
import { BUILT_IN_RESOURCES } from "../local/apiserver/resources.ts";
import type { ObjectApi } from "../local/object-api.ts";

/**
 * Creates the objects of a manifest in the cluster of this process, in their order; one that exists is merged with. The same
 * admission and validation as over HTTP. Only built-in kinds: the demo has no others.
 *
 * @throws MeshError `DEMO_MANIFEST_INVALID`, and what the API server says
 */
export async function applyObjects(
  objects: Pick<ObjectApi, "create" | "mergePatch">,
  yaml: string,
  name: string,
): Promise<number> {
  let count = 0;
  for (const document of parseAllDocuments(yaml)) {
    const object = document.toJS() as KubeObject | null;
    if (object === null) continue;
    const resource = resourceOf(object, name);
    const { namespace, name: objectName } = object.metadata;
    try {
      await objects.create(resource, object);
    } catch (caught) {
      if (toMeshError(caught).code !== "KUBE_ALREADY_EXISTS") throw caught;
      await objects.mergePatch(resource, namespace, objectName!, object);
    }
    count++;
  }
  return count;
}

function resourceOf({ apiVersion, kind, metadata }: KubeObject, name: string): ResourceRef {
  const found = BUILT_IN_RESOURCES.find(
    (resource) =>
      resource.kind === kind &&
      (resource.group === "" ? resource.version : `${resource.group}/${resource.version}`) === apiVersion,
  );
  if (found) return found;
  throw new MeshError({
    kind: "bug",
    code: "DEMO_MANIFEST_INVALID",
    message: `${name}: ${kind} "${metadata.name}" is of a kind that the demo cannot apply (${apiVersion})`,
  });
}
