import type { KubeObject } from "../base/kube-object.ts";
import type { SourceEvent } from "./source.ts";

/** What readers of a store are told; never during a re-list, only when it has swapped. */
export interface StoreListener {
  apply(object: KubeObject): void;
  delete(object: KubeObject): void;
}

/** The objects of one resource as they are now. Reading never waits; before `ready` it is empty. */
export interface StoreReader {
  /** Resolves at the first `init-done`. */
  readonly ready: Promise<void>;
  readonly isReady: boolean;
  readonly size: number;
  get(namespace: string | undefined, name: string): KubeObject | undefined;
  values(): Iterable<KubeObject>;
}

/**
 * Holds one resource. `handle` is the writer's side and belongs to one source; everyone else has the reader.
 *
 *   init -> side buffer opens;  init-apply -> into it;  init-done -> it becomes the store, and what it lacks is deleted
 *
 * An object whose resourceVersion is already held is not told again, so duplicates cost nothing.
 */
export class Store implements StoreReader {
  readonly ready: Promise<void>;
  readonly #listener: StoreListener;
  readonly #resolveReady: () => void;
  #objects = new Map<string, KubeObject>();
  #pending: Map<string, KubeObject> | undefined;
  #isReady = false;

  constructor(listener: StoreListener = { apply() {}, delete() {} }) {
    this.#listener = listener;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#resolveReady = resolve;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(`${namespace ?? ""}/${name}`);
  }

  values(): Iterable<KubeObject> {
    return this.#objects.values();
  }

  handle(event: SourceEvent): void {
    switch (event.type) {
      case "init":
        this.#pending = new Map();
        return;
      case "init-apply":
        this.#pending?.set(keyOf(event.object), event.object);
        return;
      case "init-done":
        this.#swap();
        return;
      case "apply":
        this.#apply(event.object);
        return;
      case "delete": {
        // What the store held is told: the event's object may carry the state at deletion.
        const held = this.#objects.get(keyOf(event.object));
        if (held && this.#objects.delete(keyOf(event.object))) this.#listener.delete(held);
        return;
      }
    }
  }

  #swap(): void {
    const previous = this.#objects;
    this.#objects = this.#pending ?? new Map();
    this.#pending = undefined;
    for (const [key, object] of previous) if (!this.#objects.has(key)) this.#listener.delete(object);
    for (const [key, object] of this.#objects) {
      if (!isSame(previous.get(key), object)) this.#listener.apply(object);
    }
    this.#isReady = true;
    this.#resolveReady();
  }

  #apply(object: KubeObject): void {
    const key = keyOf(object);
    const held = this.#objects.get(key);
    this.#objects.set(key, object);
    if (!isSame(held, object)) this.#listener.apply(object);
  }
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

function isSame(held: KubeObject | undefined, object: KubeObject): boolean {
  const version = object.metadata.resourceVersion;
  return (
    held !== undefined &&
    version !== undefined &&
    held.metadata.resourceVersion === version &&
    held.metadata.uid === object.metadata.uid
  );
}
