import { randomUUID } from "node:crypto";
import { MeshError } from "../../src/base/error.ts";
import type { KubeObject } from "../../src/base/kube-object.ts";
import type { ResourceRef } from "../../src/kube/source.ts";
import type { ObjectApi } from "../../src/local/object-api.ts";

type Listener = (type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject) => void;

/**
 * An ObjectApi without API server: names, versions, generations, graceful deletion of pods and finalizers, but no
 * admission, defaulting or validation. Events arrive on a later turn, as with the real one.
 */
export class MemoryObjects implements ObjectApi {
  readonly #buckets = new Map<string, Map<string, KubeObject>>();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #now: () => number;
  #version = 0;
  #names = 0;

  constructor(now: () => number = () => Date.UTC(2026, 0, 2)) {
    this.#now = now;
  }

  get(resource: ResourceRef, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#bucket(resource).get(`${namespace ?? ""}/${name}`);
  }

  list(resource: ResourceRef, namespace?: string): readonly KubeObject[] {
    const all = [...this.#bucket(resource).values()];
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  async create(resource: ResourceRef, object: KubeObject): Promise<KubeObject> {
    await null;
    const name =
      object.metadata.name ??
      `${object.metadata.generateName}${(this.#names++).toString(36).padStart(5, "0")}`;
    if (this.get(resource, object.metadata.namespace, name))
      throw failure("KUBE_ALREADY_EXISTS", resource, name);
    const created = {
      ...structuredClone(object),
      metadata: {
        ...structuredClone(object.metadata),
        name,
        uid: randomUUID(),
        generation: 1,
        creationTimestamp: new Date(this.#now()).toISOString(),
      },
    };
    return this.#store(resource, created, "ADDED");
  }

  async update(resource: ResourceRef, object: KubeObject, subresource?: "status"): Promise<KubeObject> {
    await null;
    const old = this.#existing(resource, object.metadata.namespace, object.metadata.name!);
    const version = object.metadata.resourceVersion;
    if (version !== undefined && version !== old.metadata.resourceVersion) {
      throw failure("KUBE_CONFLICT", resource, object.metadata.name!);
    }
    return this.#replace(resource, old, object, subresource);
  }

  async mergePatch(
    resource: ResourceRef,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    subresource?: "status",
  ): Promise<KubeObject> {
    await null;
    const old = this.#existing(resource, namespace, name);
    const next = merge(old, patch) as KubeObject;
    if (next.metadata.uid !== old.metadata.uid) throw failure("KUBE_CONFLICT", resource, name);
    return this.#replace(resource, old, next, subresource);
  }

  async delete(
    resource: ResourceRef,
    namespace: string | undefined,
    name: string,
    options: Parameters<ObjectApi["delete"]>[3] = {},
  ): Promise<void> {
    await null;
    const old = this.#existing(resource, namespace, name);
    if (options.uid !== undefined && options.uid !== old.metadata.uid)
      throw failure("KUBE_CONFLICT", resource, name);
    const finalizers = [...(old.metadata.finalizers ?? [])];
    if (options.propagationPolicy === "Foreground") finalizers.push("foregroundDeletion");
    if (options.propagationPolicy === "Orphan") finalizers.push("orphan");
    const isGraceful = resource.plural === "pods" && old.spec?.nodeName && options.gracePeriodSeconds !== 0;
    const isNamespace = resource.plural === "namespaces" && (old.spec?.finalizers ?? []).length > 0;
    if (!isGraceful && !isNamespace && finalizers.length === 0) return this.#remove(resource, old);
    const graceSeconds = options.gracePeriodSeconds ?? old.spec?.terminationGracePeriodSeconds ?? 30;
    this.#store(
      resource,
      {
        ...old,
        metadata: {
          ...old.metadata,
          ...(finalizers.length > 0 ? { finalizers } : {}),
          deletionTimestamp: old.metadata.deletionTimestamp ?? new Date(this.#now()).toISOString(),
          deletionGracePeriodSeconds: graceSeconds,
        },
      },
      "MODIFIED",
    );
  }

  watch(resource: ResourceRef, listener: Listener): () => void {
    const key = bucketKey(resource);
    let set = this.#listeners.get(key);
    if (!set) this.#listeners.set(key, (set = new Set()));
    set.add(listener);
    for (const object of this.#bucket(resource).values()) {
      setImmediate(() => {
        if (set.has(listener)) listener("ADDED", object);
      });
    }
    return () => void set.delete(listener);
  }

  #bucket(resource: ResourceRef): Map<string, KubeObject> {
    const key = bucketKey(resource);
    let bucket = this.#buckets.get(key);
    if (!bucket) this.#buckets.set(key, (bucket = new Map()));
    return bucket;
  }

  #existing(resource: ResourceRef, namespace: string | undefined, name: string): KubeObject {
    const object = this.get(resource, namespace, name);
    if (!object) throw failure("KUBE_NOT_FOUND", resource, name);
    return object;
  }

  #replace(resource: ResourceRef, old: KubeObject, next: KubeObject, subresource?: "status"): KubeObject {
    const replaced: KubeObject =
      subresource === "status"
        ? { ...old, status: next.status }
        : { ...next, ...("status" in old ? { status: old.status } : {}) };
    if (JSON.stringify(replaced) === JSON.stringify(old)) return old;
    const specChanged = JSON.stringify(replaced.spec) !== JSON.stringify(old.spec);
    const metadata = { ...replaced.metadata };
    if (specChanged) metadata.generation = (old.metadata.generation ?? 0) + 1;
    const isDone =
      metadata.deletionTimestamp !== undefined &&
      (metadata.finalizers ?? []).length === 0 &&
      !(resource.plural === "pods" && (metadata.deletionGracePeriodSeconds ?? 0) > 0) &&
      (replaced.spec?.finalizers ?? []).length === 0;
    const stored = structuredClone({ ...replaced, metadata });
    if (isDone) {
      this.#remove(resource, stored);
      return stored;
    }
    return this.#store(resource, stored, "MODIFIED");
  }

  #store(resource: ResourceRef, object: KubeObject, type: "ADDED" | "MODIFIED"): KubeObject {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#bucket(resource).set(`${object.metadata.namespace ?? ""}/${object.metadata.name}`, stored);
    this.#emit(resource, type, stored);
    return stored;
  }

  #remove(resource: ResourceRef, object: KubeObject): void {
    this.#bucket(resource).delete(`${object.metadata.namespace ?? ""}/${object.metadata.name}`);
    this.#emit(resource, "DELETED", object);
  }

  #emit(resource: ResourceRef, type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void {
    const set = this.#listeners.get(bucketKey(resource));
    for (const listener of set ?? []) {
      setImmediate(() => {
        if (set!.has(listener)) listener(type, object);
      });
    }
  }
}

function bucketKey(resource: ResourceRef): string {
  return `${resource.group}/${resource.plural}`;
}

function failure(code: string, resource: ResourceRef, name: string): MeshError {
  return new MeshError({ kind: "environment", code, message: `${resource.plural} "${name}": ${code}` });
}

function merge(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    target !== null && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}
