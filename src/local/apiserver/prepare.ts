import { randomBytes, randomUUID } from "node:crypto";
import type { KubeObject, ObjectMeta } from "../../base/kube-object.ts";
import { deepEqual } from "./deep-equal.ts";
import type { ResourceInfo } from "./resource-info.ts";
import { badRequest } from "./status.ts";

/** Kubernetes' alphabet for generated names: no vowels, no digits that look like letters. */
const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** What `generateName` appends. */
export function nameSuffix(length = 5): string {
  return [...randomBytes(length)].map((byte) => SUFFIX_ALPHABET[byte % SUFFIX_ALPHABET.length]).join("");
}

export function hasStatus(resource: ResourceInfo): boolean {
  return resource.subresources.some((each) => each.name === "status");
}

/** What the server gives each new object, once. */
export interface Identity {
  readonly uid: string;
  readonly creationTimestamp: string;
}

export function newIdentity(nowMs: number): Identity {
  return { uid: randomUUID(), creationTimestamp: timestamp(nowMs) };
}

/** Kubernetes' times have whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Gives a new object what the server owns: name, namespace, uid, time, generation; and takes its status away. Idempotent. */
export function prepareCreate(
  resource: ResourceInfo,
  object: KubeObject,
  namespace: string,
  identity: Identity,
): KubeObject {
  const meta = object.metadata;
  if (meta.resourceVersion) throw badRequest("resourceVersion should not be set on objects to be created");
  if (resource.namespaced && meta.namespace && meta.namespace !== namespace) {
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request (${meta.namespace}, ${namespace})`,
    );
  }
  const metadata: ObjectMeta = { ...meta };
  if (!metadata.name && metadata.generateName) {
    metadata.name = `${metadata.generateName.slice(0, 58)}${nameSuffix()}`;
  }
  if (resource.namespaced) metadata.namespace = namespace;
  else delete metadata.namespace;
  metadata.uid = identity.uid;
  metadata.creationTimestamp = identity.creationTimestamp;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.managedFields;
  if (resource.hasGeneration || resource.crd) metadata.generation = 1;
  else delete metadata.generation;
  const result: KubeObject = { ...object, metadata };
  if (hasStatus(resource)) delete result.status;
  return result;
}

/**
 * What an update may not change is taken from the old object: identity, deletion, and, by subresource, everything but status or
 * everything but spec. Bumps the generation when more than metadata and status changed. Idempotent.
 */
export function prepareUpdate(
  resource: ResourceInfo,
  old: KubeObject,
  wanted: KubeObject,
  subresource: string | undefined,
): KubeObject {
  let next: KubeObject;
  if (subresource === "status") {
    next = { ...old };
    if (wanted.status === undefined) delete next.status;
    else next.status = wanted.status;
    return next;
  }
  next = { ...wanted };
  if (subresource === "finalize") {
    next = { ...old, spec: { ...old.spec, finalizers: wanted.spec?.finalizers ?? [] } };
  }
  const metadata: ObjectMeta = { ...next.metadata };
  for (const field of [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "generateName",
  ] as const) {
    if (old.metadata[field] === undefined) delete metadata[field];
    else metadata[field] = old.metadata[field];
  }
  for (const field of ["deletionTimestamp", "deletionGracePeriodSeconds", "generation"] as const) {
    delete metadata[field];
    if (old.metadata[field] !== undefined) Object.assign(metadata, { [field]: old.metadata[field] });
  }
  delete metadata.managedFields;
  next.metadata = metadata;
  if (hasStatus(resource)) {
    if (old.status === undefined) delete next.status;
    else next.status = old.status;
  }
  if (resource.bucket === "/namespaces" && subresource !== "finalize" && old.spec) next.spec = old.spec;
  if (metadata.generation !== undefined && !sameBody(old, bound(resource, old, next))) metadata.generation++;
  return next;
}

/** Giving a pod its node does not count as a change of what is wanted. */
function bound(resource: ResourceInfo, old: KubeObject, next: KubeObject): KubeObject {
  if (resource.bucket !== "/pods" || old.spec?.nodeName || !next.spec?.nodeName) return next;
  const { nodeName: _node, ...spec } = next.spec;
  return { ...next, spec };
}

function sameBody(a: KubeObject, b: KubeObject): boolean {
  const strip = ({ metadata: _m, status: _s, apiVersion: _v, ...body }: KubeObject) => body;
  return deepEqual(strip(a), strip(b));
}

/** Whether a write would change nothing. */
export function sameExceptVersion(a: KubeObject, b: KubeObject): boolean {
  const strip = (object: KubeObject) => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: "" },
  });
  return deepEqual(strip(a), strip(b));
}
