import { MeshError } from "../../../base/error.ts";
import type { KubeObject } from "../../../base/kube-object.ts";
import type { RequestContext } from "../context.ts";
import { decodeObject } from "../decode.ts";
import { hasStatus, timestamp } from "../prepare.ts";
import type { ResourceInfo } from "../resource-info.ts";
import type { ResourceRequest } from "../resource-request.ts";
import { apiError, badRequest } from "../status.ts";
import { applyFields } from "./managers.ts";

/** Whether a PATCH is a server-side apply. */
export function isApply(contentType: string): boolean {
  return contentType.startsWith("application/apply-patch+yaml");
}

/**
 * Applies what a manager wants of an object, which is created when it is missing.
 *
 * @returns the object, and whether it is new
 * @throws MeshError 422 without a manager, 400 for a body that is no object of the resource, 409 in conflict with other managers
 */
export async function serveApply(
  { parts, path, query }: ResourceRequest,
  resource: ResourceInfo,
  context: RequestContext,
  body: unknown,
  subresource?: "status",
): Promise<{ readonly object: KubeObject; readonly isNew: boolean }> {
  const manager = query.get("fieldManager") ?? "";
  if (manager === "") {
    const cause = {
      field: "fieldManager",
      reason: "FieldValueRequired",
      message: "Required value: is required for apply patch",
    };
    throw apiError(
      422,
      "Invalid",
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      { group: "meta.k8s.io", kind: "PatchOptions", causes: [cause] },
    );
  }
  const force = query.get("force") === "true";
  const applied = wantedBy(context, resource, path.name, body, subresource);
  const applying = { ...context, isApply: true };
  const merge = (current: KubeObject | undefined): KubeObject =>
    applyFields(
      resource,
      current,
      applied,
      { name: manager, subresource },
      force,
      timestamp(parts.lists.now()),
    );
  const { operations, store } = parts;
  const change = () => operations.modify(applying, resource, path.namespace, path.name, merge, subresource);
  if (subresource || store.get(resource.bucket, path.namespace, path.name)) {
    return { object: await change(), isNew: false };
  }
  try {
    const created = await operations.create(applying, resource, path.namespace, merge(undefined));
    return { object: created, isNew: true };
  } catch (caught) {
    // Somebody was faster: then it is a change of theirs.
    if (!(caught instanceof MeshError && caught.code === "KUBE_ALREADY_EXISTS")) throw caught;
    return { object: await change(), isNew: false };
  }
}

/** What the body says of this object, without what the request may not touch. */
function wantedBy(
  context: RequestContext,
  resource: ResourceInfo,
  name: string,
  body: unknown,
  subresource: string | undefined,
): KubeObject {
  const decoded = decodeObject(context, resource, body);
  const { managedFields, resourceVersion: _version, ...metadata } = decoded.metadata;
  if (managedFields !== undefined) throw badRequest("metadata.managedFields must be nil");
  if (metadata.name !== undefined && metadata.name !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  const { status, ...rest } = decoded;
  const identity = { ...rest, metadata: { ...metadata, name } };
  if (subresource === "status") {
    return {
      apiVersion: decoded.apiVersion,
      kind: decoded.kind,
      metadata: { name },
      ...(status ? { status } : {}),
    };
  }
  return hasStatus(resource) || status === undefined ? identity : { ...identity, status };
}
