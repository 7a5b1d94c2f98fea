import type { KubeObject } from "../../base/kube-object.ts";
import { expired } from "./status.ts";

/**
 * The versioned store: objects by resource, namespace and name, and for each resource a bounded log of its last changes.
 *
 *   version  1 ... floor | floor+1 ... newest
 *            forgotten   | in the log: a watch may start here
 *
 * One counter numbers all writes of all resources, as etcd does. Stored objects are frozen: readers share them, writers replace them.
 * It knows nothing of Kubernetes' rules; those are in operations.ts.
 */
export interface Store {
  /** Version of the latest write. */
  readonly version: number;
  get(bucket: string, namespace: string, name: string): KubeObject | undefined;
  /** Sorted by namespace, then name. */
  list(bucket: string, namespace?: string): readonly KubeObject[];
  count(bucket: string): number;
  /** Every bucket that ever held something. */
  buckets(): readonly string[];
  /** Puts an object under its name and gives it the next version. Returns what was stored. */
  put(bucket: string, object: KubeObject): KubeObject;
  /** Removes; the DELETED event carries the last state with the deletion's version. Returns that, or undefined when absent. */
  remove(bucket: string, namespace: string, name: string): KubeObject | undefined;
  /**
   * Calls `listener` for each change after version `since`: first those of the log, at once, then the others as they are written.
   * Listeners run inside the write and must only take note.
   *
   * @returns stop
   * @throws MeshError 410 `Expired` when the log no longer reaches back so far, or `since` lies in the future
   */
  watch(bucket: string, since: number, listener: (revision: Revision) => void): () => void;
  /** Calls `listener` at each write of any resource, inside the write. Returns stop. */
  observe(listener: () => void): () => void;
  /** JSON of a stored object, computed once however many lists and watches send it. */
  encode(object: KubeObject): string;
}

export interface Revision {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
}

interface Bucket {
  readonly namespaces: Map<string, Map<string, KubeObject>>;
  readonly listeners: Set<(revision: Revision) => void>;
  log: Revision[];
  /** Version of the newest change that the log has dropped. */
  floor: number;
}

export interface StoreOptions {
  /** Changes kept for each resource (count, default 2000). Older watches get 410 and list again. */
  readonly revisionsMax?: number;
  /** The first version is one more. Tests of 410 use it. */
  readonly startVersion?: number;
}

export function createStore(options: StoreOptions = {}): Store {
  const revisionsMax = options.revisionsMax ?? 2000;
  const buckets = new Map<string, Bucket>();
  const encoded = new WeakMap<KubeObject, string>();
  const observers = new Set<() => void>();
  const startVersion = options.startVersion ?? 0;
  let version = startVersion;

  const bucketOf = (key: string): Bucket => {
    let bucket = buckets.get(key);
    if (!bucket) {
      bucket = { namespaces: new Map(), listeners: new Set(), log: [], floor: startVersion };
      buckets.set(key, bucket);
    }
    return bucket;
  };

  const record = (bucket: Bucket, revision: Revision): void => {
    bucket.log.push(revision);
    // Trimming in halves keeps the cost per write constant.
    if (bucket.log.length > revisionsMax) {
      const dropped = bucket.log.length - Math.ceil(revisionsMax / 2);
      bucket.floor = bucket.log[dropped - 1]!.version;
      bucket.log = bucket.log.slice(dropped);
    }
    for (const listener of [...bucket.listeners]) listener(revision);
    for (const observer of observers) observer();
  };

  return {
    get version() {
      return version;
    },
    get: (key, namespace, name) => buckets.get(key)?.namespaces.get(namespace)?.get(name),
    list(key, namespace) {
      const bucket = buckets.get(key);
      if (!bucket) return [];
      if (namespace !== undefined) return sorted(bucket.namespaces.get(namespace));
      const result: KubeObject[] = [];
      for (const name of [...bucket.namespaces.keys()].sort())
        result.push(...sorted(bucket.namespaces.get(name)));
      return result;
    },
    count(key) {
      let count = 0;
      for (const objects of buckets.get(key)?.namespaces.values() ?? []) count += objects.size;
      return count;
    },
    buckets: () => [...buckets.keys()],
    put(key, object) {
      const bucket = bucketOf(key);
      const namespace = object.metadata.namespace ?? "";
      const name = object.metadata.name ?? "";
      let objects = bucket.namespaces.get(namespace);
      if (!objects) bucket.namespaces.set(namespace, (objects = new Map()));
      const previous = objects.get(name);
      version++;
      const stored = deepFreeze({
        ...object,
        metadata: { ...object.metadata, resourceVersion: String(version) },
      });
      objects.set(name, stored);
      record(bucket, { version, type: previous ? "MODIFIED" : "ADDED", object: stored, previous });
      return stored;
    },
    remove(key, namespace, name) {
      const bucket = buckets.get(key);
      const objects = bucket?.namespaces.get(namespace);
      const previous = objects?.get(name);
      if (!bucket || !objects || !previous) return undefined;
      objects.delete(name);
      if (objects.size === 0) bucket.namespaces.delete(namespace);
      version++;
      const last = deepFreeze({
        ...previous,
        metadata: { ...previous.metadata, resourceVersion: String(version) },
      });
      record(bucket, { version, type: "DELETED", object: last, previous });
      return last;
    },
    watch(key, since, listener) {
      const bucket = bucketOf(key);
      // A version from the future is one of an earlier life of this cluster: the client must list again.
      if (since < bucket.floor || since > version) throw expired(since, bucket.floor);
      for (let at = firstAfter(bucket.log, since); at < bucket.log.length; at++) listener(bucket.log[at]!);
      bucket.listeners.add(listener);
      return () => bucket.listeners.delete(listener);
    },
    observe(listener) {
      observers.add(listener);
      return () => observers.delete(listener);
    },
    encode(object) {
      let text = encoded.get(object);
      if (text === undefined) encoded.set(object, (text = JSON.stringify(object)));
      return text;
    },
  };
}

function sorted(objects: Map<string, KubeObject> | undefined): KubeObject[] {
  if (!objects) return [];
  return [...objects.keys()].sort().map((name) => objects.get(name)!);
}

/** Index of the first revision with a version above `since` (binary search). */
function firstAfter(log: readonly Revision[], since: number): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (log[middle]!.version <= since) low = middle + 1;
    else high = middle;
  }
  return low;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
