import type { KubeObject } from "../../base/kube-object.ts";
import type { CustomKind } from "./custom-kinds.ts";
import type { Topic, Topics } from "./topics.ts";
import type { Track } from "./view.ts";

/**
 * Objects of kinds that come with a CustomResourceDefinition, as they are. Whoever reads says so with `track`:
 *
 * | read | topic | changes with |
 * |---|---|---|
 * | `get` | `<plural>.<group>/<ns>/<name>` | the object |
 * | `list` | `<plural>.<group>/<ns>` | every object of the kind in the namespace |
 * | `all` | `<plural>.<group>` | every object of the kind |
 */
export class CustomObjects {
  readonly #topics: Topics;
  /** `<kind>.<group>` -> namespace -> name -> object. */
  readonly #objects = new Map<string, Map<string, Map<string, KubeObject>>>();
  /** What `list` has answered, until something changes there. */
  readonly #sorted = new Map<string, readonly KubeObject[]>();
  readonly #plurals: ReadonlyMap<string, string>;

  constructor(topics: Topics, kinds: readonly CustomKind[]) {
    this.#topics = topics;
    this.#plurals = new Map(kinds.map(({ kind, group, plural }) => [`${kind}.${group}`, plural]));
  }

  get(kind: CustomKind, namespace: string, name: string, track: Track): KubeObject | undefined {
    track(topicOf(kind, namespace, name));
    return this.#objects.get(keyOf(kind))?.get(namespace)?.get(name);
  }

  /** Those of a namespace, the oldest first, then by name: the order in which objects of equal right win. */
  list(kind: CustomKind, namespace: string, track: Track): readonly KubeObject[] {
    track(topicOf(kind, namespace));
    const key = `${keyOf(kind)}/${namespace}`;
    const known = this.#sorted.get(key);
    if (known) return known;
    const objects = this.#objects.get(keyOf(kind))?.get(namespace);
    if (!objects) return [];
    const sorted = [...objects.values()].sort(byAge);
    this.#sorted.set(key, sorted);
    return sorted;
  }

  /** Those of all namespaces, in the same order. */
  all(kind: CustomKind, track: Track): KubeObject[] {
    track(topicOf(kind));
    const found: KubeObject[] = [];
    for (const objects of this.#objects.get(keyOf(kind))?.values() ?? []) found.push(...objects.values());
    return found.sort(byAge);
  }

  /** Stores an object, or takes it out. Kinds that are none of ours are ignored. */
  put(object: KubeObject, isPresent: boolean): void {
    const group = groupOf(object.apiVersion);
    const plural = this.#plurals.get(`${object.kind}.${group}`);
    if (plural === undefined) return;
    const { namespace = "", name = "" } = object.metadata;
    const key = keyOf({ kind: object.kind, group });
    let namespaces = this.#objects.get(key);
    if (!namespaces) this.#objects.set(key, (namespaces = new Map()));
    let objects = namespaces.get(namespace);
    if (!objects) namespaces.set(namespace, (objects = new Map()));
    if (isPresent) objects.set(name, object);
    else objects.delete(name);
    if (objects.size === 0) namespaces.delete(namespace);
    this.#sorted.delete(`${key}/${namespace}`);
    const definition = { plural, group };
    this.#topics.publish(topicOf(definition, namespace, name));
    this.#topics.publish(topicOf(definition, namespace));
    this.#topics.publish(topicOf(definition));
  }
}

/** The group of an `apiVersion`; "" for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}

/** Older first; of the same second, by namespace and name. */
export function byAge(left: KubeObject, right: KubeObject): number {
  return compare(ageKey(left), ageKey(right));
}

function ageKey({ metadata }: KubeObject): string {
  return `${metadata.creationTimestamp ?? ""} ${metadata.namespace ?? ""} ${metadata.name}`;
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function topicOf(definition: { plural: string; group: string }, ...path: readonly string[]): Topic {
  return [`${definition.plural}.${definition.group}`, ...path].join("/");
}

function keyOf({ kind, group }: { readonly kind: string; readonly group: string }): string {
  return `${kind}.${group}`;
}
