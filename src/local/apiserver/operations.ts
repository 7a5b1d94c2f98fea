import type { Clock } from "../../base/clock.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import type { Admission } from "./admission/chain.ts";
import type { RequestContext } from "./context.ts";
import { fromStorage, toStorage } from "./convert.ts";
import { decodeObject } from "./decode.ts";
import { defaultObject } from "./defaults/defaults.ts";
import { type DeleteOptions, planDeletion } from "./deletion.ts";
import { type KindHooks, onCreate, onUpdate } from "./kinds.ts";
import { trackUpdate } from "./managed/managers.ts";
import { newIdentity, prepareCreate, prepareUpdate, sameExceptVersion, timestamp } from "./prepare.ts";
import type { ResourceInfo } from "./resource-info.ts";
import { alreadyExists, badRequest, conflict, notFound, type Status, staleConflict } from "./status.ts";
import type { Store } from "./store.ts";
import { validateObject } from "./validate/validate.ts";

/**
 * What can be done to objects, whoever asks: HTTP requests and the controllers in process. Order of a write, as in Kubernetes:
 *
 *   decode (prune, strictness) -> default -> mutating admission -> prepare (what the server owns) -> validate
 *   -> validating admission -> store
 *
 * Admission may wait for webhooks; when the object changed meanwhile, an update starts again from the new state.
 */
export interface Operations {
  /** @throws MeshError 404 */
  get(resource: ResourceInfo, namespace: string, name: string): KubeObject;
  list(resource: ResourceInfo, namespace: string | undefined): readonly KubeObject[];
  create(
    context: RequestContext,
    resource: ResourceInfo,
    namespace: string,
    object: unknown,
  ): Promise<KubeObject>;
  /** PUT. A `resourceVersion` or `uid` in the object must be the current one. */
  update(
    context: RequestContext,
    resource: ResourceInfo,
    namespace: string,
    name: string,
    object: unknown,
    subresource?: string,
  ): Promise<KubeObject>;
  /** Read, change, write: patches and subresources. `change` gets the object in the resource's version and may run again. */
  modify(
    context: RequestContext,
    resource: ResourceInfo,
    namespace: string,
    name: string,
    change: (current: KubeObject) => unknown,
    subresource?: string,
  ): Promise<KubeObject>;
  /** The object, when it goes on existing (grace, finalizers) or is a pod; else a `Status` of success. */
  remove(
    context: RequestContext,
    resource: ResourceInfo,
    namespace: string,
    name: string,
    options: DeleteOptions,
  ): Promise<KubeObject | Status>;
}

export interface OperationsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly hooks: KindHooks;
}

/** How often an update starts again because the object changed under it. */
const ATTEMPTS_MAX = 8;

/** A DELETE of these answers with what was deleted; of others, with a Status. */
const ANSWERED_WITH_OBJECT = new Set(["/pods", "/services", "/serviceaccounts", "/persistentvolumeclaims"]);

export function createOperations({ store, clock, admission, hooks }: OperationsDeps): Operations {
  const current = (resource: ResourceInfo, namespace: string, name: string): KubeObject => {
    const object = store.get(resource.bucket, namespace, name);
    if (!object) throw notFound(resource, name);
    return object;
  };
  const hooksFor = (context: RequestContext): KindHooks =>
    context.dryRun ? { ...hooks, allocateClusterIp: undefined, now: () => hooks.now() } : hooks;
  const finish = (resource: ResourceInfo, object: KubeObject): KubeObject => fromStorage(resource, object);

  async function write(
    context: RequestContext,
    resource: ResourceInfo,
    old: KubeObject,
    wanted: unknown,
    subresource: string | undefined,
  ): Promise<KubeObject | "changed"> {
    const decoded = toStorage(resource, decodeObject(context, resource, wanted));
    checkIdentity(resource, old, decoded);
    const storedVersion = old.metadata.resourceVersion;
    if (decoded.metadata.resourceVersion && decoded.metadata.resourceVersion !== storedVersion) {
      throw staleConflict(resource, old.metadata.name!);
    }
    // What this request may not touch is put back before admission, so that webhooks judge what would be written.
    let next = prepareUpdate(resource, old, decoded, subresource);
    if (!subresource) next = defaultObject(resource, next);
    next = await admission.mutate(context, "UPDATE", resource, next, old, subresource);
    next = prepareUpdate(resource, old, next, subresource);
    onUpdate(hooksFor(context), resource, next, old, subresource);
    validateObject(resource, next, old);
    await admission.validate(context, "UPDATE", resource, next, old, subresource);
    const latest = current(resource, old.metadata.namespace ?? "", old.metadata.name!);
    if (latest !== old) {
      if (decoded.metadata.resourceVersion) throw staleConflict(resource, old.metadata.name!);
      return "changed";
    }
    const owners = context.isApply
      ? decoded.metadata.managedFields
      : trackUpdate(resource, old, next, { name: context.fieldManager, subresource }, timestamp(clock.now()));
    if (owners) next = { ...next, metadata: { ...next.metadata, managedFields: owners } };
    if (sameExceptVersion(old, next)) return old;
    if (context.dryRun) return next;
    const doomed = next.metadata.deletionTimestamp !== undefined && isReleased(resource, next);
    const stored = store.put(resource.bucket, next);
    if (doomed) return store.remove(resource.bucket, old.metadata.namespace ?? "", old.metadata.name!)!;
    return stored;
  }

  async function modify(
    context: RequestContext,
    resource: ResourceInfo,
    namespace: string,
    name: string,
    change: (current: KubeObject) => unknown,
    subresource?: string,
  ): Promise<KubeObject> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const old = current(resource, namespace, name);
      const result = await write(context, resource, old, change(fromStorage(resource, old)), subresource);
      if (result !== "changed") return finish(resource, result);
    }
    throw conflict(resource, name, `the object changed ${ATTEMPTS_MAX} times while the request was admitted`);
  }

  async function create(
    context: RequestContext,
    resource: ResourceInfo,
    namespace: string,
    object: unknown,
  ): Promise<KubeObject> {
    const decoded = toStorage(resource, decodeObject(context, resource, object));
    const identity = newIdentity(clock.now());
    let next = prepareCreate(resource, decoded, namespace, identity);
    next = defaultObject(resource, next);
    next = await admission.mutate(context, "CREATE", resource, next, undefined, undefined);
    next = prepareCreate(resource, next, namespace, identity);
    next = defaultObject(resource, next);
    const name = next.metadata.name!;
    const exists = () => store.get(resource.bucket, namespace, name) !== undefined;
    if (exists()) throw alreadyExists(resource, name);
    validateObject(resource, next, undefined);
    await admission.validate(context, "CREATE", resource, next, undefined, undefined);
    if (exists()) throw alreadyExists(resource, name);
    // Last, and in the same turn as the write: addresses are allocated here, and none must be lost.
    onCreate(hooksFor(context), resource, next);
    if (context.isApply) {
      next = { ...next, metadata: { ...next.metadata, managedFields: decoded.metadata.managedFields } };
    }
    if (context.dryRun) return finish(resource, next);
    return finish(resource, store.put(resource.bucket, next));
  }

  async function remove(
    context: RequestContext,
    resource: ResourceInfo,
    namespace: string,
    name: string,
    options: DeleteOptions,
  ): Promise<KubeObject | Status> {
    const before = current(resource, namespace, name);
    await admission.mutate(context, "DELETE", resource, before, before, undefined);
    await admission.validate(context, "DELETE", resource, before, before, undefined);
    const old = current(resource, namespace, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid !== undefined && uid !== old.metadata.uid) {
      throw conflict(
        resource,
        name,
        `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`,
      );
    }
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
      throw staleConflict(resource, name);
    }
    const plan = planDeletion(resource, old, options, clock.now());
    if (plan.orphan && !context.dryRun) orphanDependents(store, old);
    if (plan.action === "keep") {
      if (context.dryRun || plan.object === old) return finish(resource, plan.object);
      return finish(resource, store.put(resource.bucket, plan.object));
    }
    if (!context.dryRun) store.remove(resource.bucket, namespace, name);
    if (ANSWERED_WITH_OBJECT.has(resource.bucket)) return finish(resource, plan.object);
    return deletedStatus(resource, old);
  }

  return {
    get: (resource, namespace, name) => finish(resource, current(resource, namespace, name)),
    list: (resource, namespace) =>
      store.list(resource.bucket, namespace).map((object) => fromStorage(resource, object)),
    create,
    update: (context, resource, namespace, name, object, subresource) => {
      const sent = (object as KubeObject | undefined)?.metadata?.name;
      if (sent !== undefined && sent !== name) {
        throw badRequest(`the name of the object (${sent}) does not match the name on the URL (${name})`);
      }
      return modify(context, resource, namespace, name, () => object, subresource);
    },
    modify,
    remove,
  };
}

function checkIdentity(resource: ResourceInfo, old: KubeObject, next: KubeObject): void {
  const name = old.metadata.name!;
  if (next.metadata.name !== undefined && next.metadata.name !== name) {
    throw badRequest(
      `the name of the object (${next.metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if (next.metadata.namespace && next.metadata.namespace !== old.metadata.namespace) {
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request (${next.metadata.namespace}, ${old.metadata.namespace})`,
    );
  }
  if (next.metadata.uid && next.metadata.uid !== old.metadata.uid) {
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${next.metadata.uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
}

/** Whether nothing holds an object that is being deleted any more. */
function isReleased(resource: ResourceInfo, object: KubeObject): boolean {
  if ((object.metadata.finalizers ?? []).length > 0) return false;
  if (resource.bucket === "/namespaces") return (object.spec?.finalizers ?? []).length === 0;
  return (object.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** `propagationPolicy: Orphan`: dependents forget their owner before it goes. */
function orphanDependents(store: Store, owner: KubeObject): void {
  for (const bucket of store.buckets()) {
    for (const object of store.list(bucket, owner.metadata.namespace)) {
      const references = object.metadata.ownerReferences ?? [];
      const kept = references.filter((reference) => reference.uid !== owner.metadata.uid);
      if (kept.length === references.length) continue;
      store.put(bucket, { ...object, metadata: { ...object.metadata, ownerReferences: kept } });
    }
  }
}

function deletedStatus(resource: ResourceInfo, object: KubeObject): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name: object.metadata.name!,
      ...(resource.group ? { group: resource.group } : {}),
      kind: resource.plural,
      uid: object.metadata.uid!,
    },
  };
}
