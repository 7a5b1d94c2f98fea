import type { KubeObject } from "../../base/kube-object.ts";
import { isPodActive } from "./owned-pods.ts";
import { isPodFinished } from "./pod-readiness.ts";

/** Annotation and label that say which part of an indexed Job a pod does. */
export const COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index";

/**
 * The arithmetic of a Job, without side effects: what its pods have done, and what follows.
 *
 * @see kubernetes pkg/controller/job/job_controller.go, indexed_job_utils.go
 */
export interface JobCounts {
  readonly active: number;
  /** Restarts of containers in active pods that restart in place. */
  readonly restarts: number;
  /** Pods that succeeded; of an indexed Job, indexes. */
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: readonly number[];
  /** Indexes that neither succeeded nor have a pod at work, ascending. */
  readonly missingIndexes: readonly number[];
}

export type JobVerdict =
  | {
      readonly state: "running";
      /** Milliseconds until `activeDeadlineSeconds` ends it. */
      readonly deadlineMs?: number;
    }
  | { readonly state: "suspended" }
  | { readonly state: "complete" }
  | { readonly state: "failed"; readonly reason: string; readonly message: string };

/** Counts what the Job's pods have come to. Pods that were deleted by hand before their end count for nothing. */
export function countJob(job: KubeObject, pods: readonly KubeObject[]): JobCounts {
  const inPhase = (phase: string) => pods.filter((pod) => pod.status?.phase === phase);
  const working = pods.filter(isPodActive);
  const active = working.length;
  const restarts = job.spec.template.spec.restartPolicy === "OnFailure" ? restartsOf(working) : 0;
  const failed = inPhase("Failed").length;
  if (job.spec.completionMode !== "Indexed") {
    const succeeded = inPhase("Succeeded").length;
    return { active, restarts, succeeded, failed, succeededIndexes: [], missingIndexes: [] };
  }
  const done = new Set(inPhase("Succeeded").map(indexOf));
  // A pod that is leaving keeps its index until it has left.
  const busy = new Set(pods.filter((pod) => !isPodFinished(pod)).map(indexOf));
  const all = Array.from({ length: job.spec.completions ?? 0 }, (_, index) => index);
  return {
    active,
    restarts,
    succeeded: done.size,
    failed,
    succeededIndexes: all.filter((index) => done.has(index)),
    missingIndexes: all.filter((index) => !done.has(index) && !busy.has(index)),
  };
}

function restartsOf(pods: readonly KubeObject[]): number {
  return pods
    .flatMap((pod) => pod.status?.containerStatuses ?? [])
    .reduce((sum: number, status: { restartCount?: number }) => sum + (status.restartCount ?? 0), 0);
}

function indexOf(pod: KubeObject): number {
  return Number(pod.metadata.annotations?.[COMPLETION_INDEX]);
}

/** @param runningMs time since the Job started */
export function judgeJob(job: KubeObject, counts: JobCounts, runningMs: number): JobVerdict {
  const { backoffLimit = 6, activeDeadlineSeconds, suspend } = job.spec;
  if (counts.failed > backoffLimit || counts.restarts > Math.max(0, backoffLimit - 1)) {
    const reason = "BackoffLimitExceeded";
    return { state: "failed", reason, message: "Job has reached the specified backoff limit" };
  }
  if (isDone(job, counts)) return { state: "complete" };
  if (suspend) return { state: "suspended" };
  if (activeDeadlineSeconds === undefined) return { state: "running" };
  const deadlineMs = activeDeadlineSeconds * 1000 - runningMs;
  if (deadlineMs > 0) return { state: "running", deadlineMs };
  const message = "Job was active longer than specified deadline";
  return { state: "failed", reason: "DeadlineExceeded", message };
}

function isDone(job: KubeObject, counts: JobCounts): boolean {
  const { completions } = job.spec;
  if (completions !== undefined) return counts.succeeded >= completions;
  return counts.succeeded > 0 && counts.active === 0;
}

/** Indexes as ranges: `0-2,4`. */
export function formatIndexes(indexes: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < indexes.length; ) {
    let end = at;
    while (indexes[end + 1] === indexes[end]! + 1) end++;
    ranges.push(end === at ? `${indexes[at]}` : `${indexes[at]}${end === at + 1 ? "," : "-"}${indexes[end]}`);
    at = end + 1;
  }
  return ranges.join(",");
}

/** How a Job ended, and when (milliseconds since the epoch), by the condition that says so. */
export function jobEnd(
  job: KubeObject,
): { readonly as: "Complete" | "Failed"; readonly atMs: number } | undefined {
  const conditions: { type: string; status: string; lastTransitionTime?: string }[] =
    job.status?.conditions ?? [];
  for (const { type, status, lastTransitionTime } of conditions) {
    if (status !== "True" || (type !== "Complete" && type !== "Failed")) continue;
    return { as: type, atMs: Date.parse(lastTransitionTime ?? "") };
  }
  return undefined;
}
