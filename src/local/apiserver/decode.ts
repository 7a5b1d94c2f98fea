import type { KubeObject } from "../../base/kube-object.ts";
import type { RequestContext } from "./context.ts";
import { pruneCustom } from "./crd/prune.ts";
import { apiVersionOf, type ResourceInfo } from "./resource-info.ts";
import { decodeFields, type FieldFindings, isRecord } from "./schema/fields.ts";
import { QUANTITY_PATTERN } from "./schema/quantity.ts";
import { badRequest } from "./status.ts";

/**
 * From a parsed body to an object of the resource: kind checked, unknown fields dropped (reported as the request wants),
 * wrong types refused in the words of Kubernetes.
 *
 * @throws MeshError 400
 */
export function decodeObject(context: RequestContext, resource: ResourceInfo, body: unknown): KubeObject {
  if (!isRecord(body)) throw badRequest(`the request body is not an object of kind ${resource.kind}`);
  requireKind(resource, body);
  const metadata = body.metadata ?? {};
  if (!isRecord(metadata)) throw cannotHandle(resource, "metadata is not an object");
  const typed = { ...body, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
  const findings: FieldFindings = { unknown: [], missing: [], mismatch: undefined };
  let result: unknown = typed;
  if (resource.crd) {
    result = pruneCustom(resource.crd, typed, findings.unknown);
    const meta = decodeFields("V1ObjectMeta", metadata, findings);
    result = { ...(result as KubeObject), metadata: meta };
  } else if (resource.fields) {
    result = decodeFields(resource.fields, typed, findings);
  }
  if (findings.mismatch) {
    const { path, want, got, owner } = findings.mismatch;
    throw cannotHandle(
      resource,
      `json: cannot unmarshal ${got} into Go struct field ${owner}.${path} of type ${want}`,
    );
  }
  if (findings.badQuantity) {
    throw cannotHandle(resource, `quantities must match the regular expression '${QUANTITY_PATTERN}'`);
  }
  report(context, resource, findings.unknown);
  return result as KubeObject;
}

function report(context: RequestContext, resource: ResourceInfo, unknown: readonly string[]): void {
  if (unknown.length === 0 || context.fieldValidation === "Ignore") return;
  const lines = unknown.map((path) => `unknown field "${path}"`);
  if (context.fieldValidation === "Warn") context.warnings.push(...lines);
  else throw cannotHandle(resource, `strict decoding error: ${lines.join(", ")}`);
}

function cannotHandle(resource: ResourceInfo, why: string): Error {
  return badRequest(
    `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${why}`,
  );
}

/** A body that is no object of this resource. @throws MeshError 400 */
function requireKind(resource: ResourceInfo, object: { apiVersion?: unknown; kind?: unknown }): void {
  const want = apiVersionOf(resource);
  if (object.kind !== undefined && object.kind !== resource.kind) {
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: the body's kind is ${String(object.kind)}`,
    );
  }
  if (object.apiVersion !== undefined && object.apiVersion !== want) {
    throw badRequest(
      `the API version in the data (${String(object.apiVersion)}) does not match the expected API version (${want})`,
    );
  }
}
