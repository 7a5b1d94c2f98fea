import type { KubeObject } from "../../base/kube-object.ts";
import { byAge, groupOf } from "./custom-objects.ts";
import { MultiMap } from "./multi-map.ts";
import { POLICY_GROUP } from "./route-refs.ts";
import type { Topic, Topics } from "./topics.ts";
import type { Track } from "./view.ts";

/** Kinds that say in `spec.targetRef` what they are about, an object of their namespace. */
export type TargetingKind = "AuthorizationPolicy" | "HTTPLocalRateLimitPolicy";
const KINDS: ReadonlySet<string> = new Set<TargetingKind>([
  "AuthorizationPolicy",
  "HTTPLocalRateLimitPolicy",
]);

/** What a policy is about. */
export interface Target {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/**
 * Policies by what they are about, so that a change of one reaches only those ports. Its topics are
 * `targets/<kind>/<ns>/<target's group>/<target's kind>/<target's name>`.
 */
export class TargetIndex {
  readonly #topics: Topics;
  readonly #objects = new Map<string, KubeObject>();
  readonly #byTarget = new MultiMap();

  constructor(topics: Topics) {
    this.#topics = topics;
  }

  static has({ apiVersion, kind }: KubeObject): boolean {
    return KINDS.has(kind) && groupOf(apiVersion) === POLICY_GROUP;
  }

  put(object: KubeObject, isPresent: boolean): void {
    const { namespace = "", name = "" } = object.metadata;
    const key = `${object.kind}/${namespace}/${name}`;
    if (isPresent) this.#objects.set(key, object);
    else this.#objects.delete(key);
    const target = isPresent ? readTarget(object.spec?.targetRef) : undefined;
    const topics = target ? [topicOf(object.kind, namespace, target)] : [];
    for (const topic of this.#byTarget.set(key, topics)) this.#topics.publish(topic);
  }

  /** Those of a kind that are about an object, the oldest first, then by name. */
  of(kind: TargetingKind, namespace: string, target: Target, track: Track): KubeObject[] {
    const topic = topicOf(kind, namespace, target);
    track(topic);
    return this.#byTarget
      .get(topic)
      .map((key) => this.#objects.get(key)!)
      .sort(byAge);
  }
}

/** Kinds compare without case, and the core group may be spelled out. */
function topicOf(kind: string, namespace: string, target: Target): Topic {
  const group = target.group === "core" ? "" : target.group.toLowerCase();
  return `targets/${kind}/${namespace}/${group}/${target.kind.toLowerCase()}/${target.name}`;
}

function readTarget(ref: unknown): Target | undefined {
  const { group = "", kind, name } = (ref ?? {}) as Partial<Target>;
  return typeof kind === "string" && typeof name === "string" && typeof group === "string"
    ? { group, kind, name }
    : undefined;
}
