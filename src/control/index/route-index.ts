import type { KubeObject } from "../../base/kube-object.ts";
import { byAge, groupOf } from "./custom-objects.ts";
import { MultiMap } from "./multi-map.ts";
import { type ParentKind, parentRefsOf } from "./route-refs.ts";
import type { Topic, Topics } from "./topics.ts";

/** Which routes name an object as their parent have changed. */
export function routesTopic(kind: ParentKind, namespace: string, name: string): Topic {
  return `routes/${kind}/${namespace}/${name}`;
}

/** Routes of all kinds, by the parents that they name. */
export class RouteIndex {
  readonly #topics: Topics;
  readonly #routes = new Map<string, KubeObject>();
  /** Topic of a parent -> keys of routes. */
  readonly #byParent = new MultiMap();
  readonly #listeners = new Set<(route: KubeObject) => void>();

  constructor(topics: Topics) {
    this.#topics = topics;
  }

  put(route: KubeObject, isPresent: boolean): void {
    const key = keyOf(groupOf(route.apiVersion), route.kind, route.metadata.namespace, route.metadata.name);
    if (isPresent) this.#routes.set(key, route);
    else this.#routes.delete(key);
    const parents = isPresent ? parentRefsOf(route) : [];
    const topics = parents.map(({ kind, namespace, name }) => routesTopic(kind, namespace, name));
    for (const topic of this.#byParent.set(key, [...new Set(topics)])) this.#topics.publish(topic);
    for (const listener of this.#listeners) listener(route);
  }

  get(group: string, kind: string, namespace: string, name: string): KubeObject | undefined {
    return this.#routes.get(keyOf(group, kind, namespace, name));
  }

  /** Routes that name a parent, the oldest first, then by name. Whether they are accepted is another question. */
  attached(kind: ParentKind, namespace: string, name: string): KubeObject[] {
    return this.#byParent
      .get(routesTopic(kind, namespace, name))
      .map((key) => this.#routes.get(key)!)
      .sort(byAge);
  }

  all(): Iterable<KubeObject> {
    return this.#routes.values();
  }

  /** Told of each route that comes, changes or goes. Returns unsubscribe. */
  onChange(listener: (route: KubeObject) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

function keyOf(group: string, kind: string, namespace = "", name = ""): string {
  return `${group}/${kind}/${namespace}/${name}`;
}
