import type { KubeObject } from "../../base/kube-object.ts";

interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime?: string;
}

function readyCondition(pod: KubeObject): PodCondition | undefined {
  return (pod.status?.conditions as readonly PodCondition[] | undefined)?.find(
    ({ type }) => type === "Ready",
  );
}

/** Whether the pod's Ready condition is true. */
export function isPodReady(pod: KubeObject): boolean {
  return readyCondition(pod)?.status === "True";
}

/** When the pod became ready, milliseconds since the epoch; undefined when it is not. */
export function readySinceMs(pod: KubeObject): number | undefined {
  const condition = readyCondition(pod);
  if (condition?.status !== "True") return undefined;
  return Date.parse(condition.lastTransitionTime ?? "") || 0;
}

/** A pod that will never run again. */
export function isPodFinished(pod: KubeObject): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
