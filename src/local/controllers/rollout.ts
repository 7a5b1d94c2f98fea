/**
 * The arithmetic of a Deployment's rollout, without objects: from the counts of each replica set to the next counts.
 *
 * @see kubernetes pkg/controller/deployment/rolling.go and recreate.go
 */

/** One replica set of the Deployment as the arithmetic sees it. */
export interface ReplicaSetCounts {
  readonly name: string;
  /** `spec.replicas` */
  readonly desired: number;
  /** `status.replicas`: pods that exist. */
  readonly current: number;
  readonly available: number;
  /** Creation order: lower is older. */
  readonly order: number;
}

export interface RolloutSpec {
  readonly replicas: number;
  readonly strategy: "RollingUpdate" | "Recreate";
  /** Absolute pods above `replicas`. */
  readonly maxSurge: number;
  /** Absolute pods below `replicas`. */
  readonly maxUnavailable: number;
}

/**
 * The next `spec.replicas` of each replica set; sets that stay as they are do not appear.
 *
 * Scaling up the new set comes first; only when it has nothing to add are old ones scaled down, so each call makes one safe
 * step and the next status change asks for the following one.
 */
export function nextReplicas(
  spec: RolloutSpec,
  current: ReplicaSetCounts,
  old: readonly ReplicaSetCounts[],
): Map<string, number> {
  return spec.strategy === "Recreate" ? recreate(spec, current, old) : rollingUpdate(spec, current, old);
}

function recreate(
  spec: RolloutSpec,
  current: ReplicaSetCounts,
  old: readonly ReplicaSetCounts[],
): Map<string, number> {
  const next = new Map<string, number>();
  for (const set of old) if (set.desired > 0) next.set(set.name, 0);
  const oldPods = old.reduce((sum, set) => sum + set.current, 0);
  if (next.size === 0 && oldPods === 0 && current.desired !== spec.replicas) {
    next.set(current.name, spec.replicas);
  }
  return next;
}

function rollingUpdate(
  spec: RolloutSpec,
  current: ReplicaSetCounts,
  old: readonly ReplicaSetCounts[],
): Map<string, number> {
  const next = new Map<string, number>();
  if (current.desired > spec.replicas) return next.set(current.name, spec.replicas);
  const desiredTotal = old.reduce((sum, set) => sum + set.desired, current.desired);
  if (current.desired < spec.replicas) {
    const room = spec.replicas + spec.maxSurge - desiredTotal;
    const add = Math.min(room, spec.replicas - current.desired);
    if (add > 0) return next.set(current.name, current.desired + add);
  }
  const minAvailable = spec.replicas - spec.maxUnavailable;
  const newUnavailable = current.desired - current.available;
  const removableMax = desiredTotal - minAvailable - newUnavailable;
  if (removableMax <= 0) return next;

  const byAge = [...old].filter((set) => set.desired > 0).sort((left, right) => left.order - right.order);
  const desired = new Map(byAge.map((set) => [set.name, set.desired]));
  // Pods that are not available serve nobody: they go first, whatever their share.
  let removable = removableMax;
  for (const set of byAge) {
    const unhealthy = Math.min(removable, Math.max(0, set.desired - set.available));
    desired.set(set.name, set.desired - unhealthy);
    removable -= unhealthy;
  }
  const available = old.reduce((sum, set) => sum + set.available, current.available);
  let healthyRemovable = Math.min(removable, available - minAvailable);
  for (const set of byAge) {
    if (healthyRemovable <= 0) break;
    const remove = Math.min(healthyRemovable, desired.get(set.name)!);
    desired.set(set.name, desired.get(set.name)! - remove);
    healthyRemovable -= remove;
  }
  for (const set of byAge)
    if (desired.get(set.name) !== set.desired) next.set(set.name, desired.get(set.name)!);
  return next;
}

/**
 * `25%` or a number as pods of `replicas`; surge rounds up, unavailability down. Both zero would block every rollout, so
 * then one pod may be unavailable, as in Kubernetes.
 */
export function resolveFenceposts(
  maxSurge: number | string | undefined,
  maxUnavailable: number | string | undefined,
  replicas: number,
): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const surge = resolveShare(maxSurge ?? "25%", replicas, Math.ceil);
  const unavailable = resolveShare(maxUnavailable ?? "25%", replicas, Math.floor);
  if (surge === 0 && unavailable === 0) return { maxSurge: 0, maxUnavailable: 1 };
  return { maxSurge: surge, maxUnavailable: Math.min(unavailable, replicas) };
}

export function resolveShare(
  value: number | string,
  total: number,
  round: (value: number) => number,
): number {
  if (typeof value === "number") return value;
  const percent = /^(\d+)%$/.exec(value);
  return percent ? round((Number(percent[1]) * total) / 100) : Number(value) || 0;
}

/**
 * Spreads a change of `replicas` in the middle of a rollout over all sets in proportion to their size; what rounding leaves
 * goes to the newest. Undefined when there is nothing to spread (fewer than two sets have pods).
 */
export function scaleInProportion(
  sets: readonly ReplicaSetCounts[],
  allowedTotal: number,
): Map<string, number> | undefined {
  const active = sets.filter((set) => set.desired > 0).sort((left, right) => right.order - left.order);
  if (active.length < 2) return undefined;
  const total = active.reduce((sum, set) => sum + set.desired, 0);
  if (total === allowedTotal) return undefined;
  const next = new Map<string, number>();
  let assigned = 0;
  for (const set of active) {
    const share = Math.floor((set.desired * allowedTotal) / total);
    next.set(set.name, share);
    assigned += share;
  }
  const newest = active[0]!.name;
  next.set(newest, Math.max(0, next.get(newest)! + allowedTotal - assigned));
  return next;
}
