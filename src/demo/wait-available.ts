import type { Clock } from "../base/clock.ts";
import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import type { ObjectApi } from "../local/object-api.ts";
import { DEPLOYMENTS, PODS } from "../local/resources.ts";

export interface WaitInput {
  readonly objects: Pick<ObjectApi, "list" | "watch">;
  readonly namespace: string;
  readonly clock: Clock;
  /** After this long, what is not ready is an error that says why. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Told once for each Deployment that becomes available. */
  readonly onAvailable: (name: string, replicas: number) => void;
}

/**
 * Resolves when every Deployment of a namespace has all its replicas available. Driven by changes, not by polling.
 *
 * @throws MeshError `DEMO_NOT_READY`, which names the pods that are not ready and what they wait for
 */
export async function waitAvailable(input: WaitInput): Promise<void> {
  const { objects, namespace, clock, limitMs, signal, onAvailable } = input;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const told = new Set<string>();
  const look = () => {
    const deployments = objects.list(DEPLOYMENTS, namespace);
    for (const deployment of deployments) {
      const name = deployment.metadata.name!;
      if (!isAvailable(deployment) || told.has(name)) continue;
      told.add(name);
      onAvailable(name, deployment.spec.replicas ?? 1);
    }
    if (deployments.length > 0 && deployments.every(isAvailable)) resolve();
  };
  const onAbort = () => reject(signal.reason);
  const stopWatch = objects.watch(DEPLOYMENTS, (_type, object) => {
    if (object.metadata.namespace === namespace) look();
  });
  const timer = clock.schedule(limitMs, () =>
    reject(notReady(objects.list(PODS, namespace), namespace, limitMs)),
  );
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    look();
    await promise;
  } finally {
    stopWatch();
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/** The status speaks of this generation, and all replicas are there. */
function isAvailable({ metadata, spec, status }: KubeObject): boolean {
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return false;
  const wanted = spec.replicas ?? 1;
  return (status?.availableReplicas ?? 0) >= wanted && (status?.updatedReplicas ?? 0) >= wanted;
}

function notReady(pods: readonly KubeObject[], namespace: string, limitMs: number): MeshError {
  const waiting = pods.flatMap((pod) => {
    const why = whyNotReady(pod);
    return why === undefined ? [] : [`${pod.metadata.name} (${why})`];
  });
  const which = waiting.length === 0 ? "there are no pods" : waiting.join(", ");
  return new MeshError({
    kind: "environment",
    code: "DEMO_NOT_READY",
    message: `pods of namespace ${namespace} are not ready after ${limitMs / 1000} s: ${which}`,
    hint: "a machine under load may only need a second try; the last lines of their logs are above",
  });
}

/** Undefined for a ready pod. */
export function whyNotReady({ status }: KubeObject): string | undefined {
  const conditions: { type: string; status: string }[] = status?.conditions ?? [];
  if (conditions.some(({ type, status: value }) => type === "Ready" && value === "True")) return undefined;
  const containers: KubeObject[] = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ];
  const reasons = containers.flatMap(({ name, ready, state }) => {
    const waiting = state?.waiting;
    if (waiting?.reason) return [`${name}: ${[waiting.reason, waiting.message].filter(Boolean).join(", ")}`];
    if (state?.terminated && state.terminated.exitCode !== 0)
      return [`${name}: exit ${state.terminated.exitCode}`];
    return ready === false && state?.running ? [`${name}: runs, not ready`] : [];
  });
  return reasons.length > 0 ? reasons.join("; ") : (status?.phase ?? "not started");
}
