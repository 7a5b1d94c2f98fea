import type { KubeObject } from "../../base/kube-object.ts";
import type { Condition } from "./controller.ts";
import { resolveFenceposts } from "./rollout.ts";

/** The numbers of a Deployment's status. Zeros are written: a merge patch could not take an old number away otherwise. */
export interface DeploymentCounts {
  readonly observedGeneration: number;
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
}

/** Status of a Deployment from its replica sets' statuses. */
export function deploymentStatus(
  deployment: KubeObject,
  current: KubeObject | undefined,
  old: readonly KubeObject[],
  nowMs: number,
): { readonly counts: DeploymentCounts; readonly conditions: readonly Condition[] } {
  const all = current ? [...old, current] : [...old];
  const sum = (field: string): number =>
    all.reduce((total, set) => total + ((set.status?.[field] as number | undefined) ?? 0), 0);
  const desired: number = deployment.spec.replicas ?? 1;
  const specTotal = all.reduce((total, set) => total + (set.spec.replicas as number), 0);
  const available = sum("availableReplicas");
  const counts: DeploymentCounts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum("replicas"),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum("readyReplicas"),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, specTotal - available),
  };
  const rolling = deployment.spec.strategy?.rollingUpdate;
  const { maxUnavailable } =
    deployment.spec.strategy?.type === "Recreate"
      ? { maxUnavailable: 0 }
      : resolveFenceposts(rolling?.maxSurge, rolling?.maxUnavailable, desired);
  const isAvailable = available >= desired - maxUnavailable;
  const conditions: Condition[] = [
    isAvailable
      ? {
          type: "Available",
          status: "True",
          reason: "MinimumReplicasAvailable",
          message: "Deployment has minimum availability.",
        }
      : {
          type: "Available",
          status: "False",
          reason: "MinimumReplicasUnavailable",
          message: "Deployment does not have minimum availability.",
        },
    progressing(deployment, current, old, counts, nowMs),
  ];
  const failure = (
    current?.status?.conditions as readonly (Condition & { type: string })[] | undefined
  )?.find(({ type, status }) => type === "ReplicaFailure" && status === "True");
  if (failure) {
    conditions.push({
      type: "ReplicaFailure",
      status: "True",
      reason: failure.reason ?? "FailedCreate",
      message: failure.message ?? "",
    });
  }
  return { counts, conditions };
}

function progressing(
  deployment: KubeObject,
  current: KubeObject | undefined,
  old: readonly KubeObject[],
  counts: DeploymentCounts,
  nowMs: number,
): Condition {
  const previous = (
    deployment.status?.conditions as readonly (Condition & { lastUpdateTime?: string })[] | undefined
  )?.find(({ type }) => type === "Progressing");
  if (deployment.spec.paused) {
    return {
      type: "Progressing",
      status: "Unknown",
      reason: "DeploymentPaused",
      message: "Deployment is paused",
    };
  }
  if (!current) return previous ?? waiting("Deployment has no replica set yet.");
  const name = current.metadata.name!;
  if (isComplete(deployment, current, old)) {
    return {
      type: "Progressing",
      status: "True",
      reason: "NewReplicaSetAvailable",
      message: `ReplicaSet "${name}" has successfully progressed.`,
    };
  }
  const before = deployment.status ?? {};
  const hasProgressed =
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < (before.replicas ?? 0) - (before.updatedReplicas ?? 0);
  const isNewRound =
    before.observedGeneration !== counts.observedGeneration ||
    previous?.reason === "NewReplicaSetAvailable" ||
    previous?.reason === "DeploymentPaused" ||
    // The deadline belongs to one replica set; another one starts its own.
    !(previous?.message ?? "").includes(`"${name}"`);
  if (hasProgressed || isNewRound || !previous) {
    // The count in the words makes this an update, so that the deadline runs from the last progress.
    return waiting(
      `ReplicaSet "${name}" is progressing: ${counts.updatedReplicas} updated, ${counts.availableReplicas} available.`,
    );
  }
  const deadlineSeconds: number = deployment.spec.progressDeadlineSeconds ?? 600;
  const sinceMs = Date.parse(previous.lastUpdateTime ?? "") || nowMs;
  if (nowMs - sinceMs > deadlineSeconds * 1000) {
    return {
      type: "Progressing",
      status: "False",
      reason: "ProgressDeadlineExceeded",
      message: `ReplicaSet "${name}" has timed out progressing.`,
    };
  }
  const { type, status, reason, message } = previous;
  return {
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

function waiting(message: string): Condition {
  return { type: "Progressing", status: "True", reason: "ReplicaSetUpdated", message };
}

/** Whether every pod is of the current template and available, and no old one is left. */
export function isComplete(deployment: KubeObject, current: KubeObject, old: readonly KubeObject[]): boolean {
  const desired: number = deployment.spec.replicas ?? 1;
  return (
    (current.spec.replicas ?? 1) === desired &&
    (current.status?.replicas ?? 0) === desired &&
    (current.status?.availableReplicas ?? 0) === desired &&
    old.every((set) => (set.status?.replicas ?? 0) === 0 && (set.spec.replicas ?? 0) === 0)
  );
}

export function hasTimedOut(conditions: readonly Condition[]): boolean {
  return conditions.some(
    ({ type, reason }) => type === "Progressing" && reason === "ProgressDeadlineExceeded",
  );
}
