import type { KubeObject } from "../../base/kube-object.ts";
import { JOBS, PODS } from "../resources.ts";
import type { Condition, Controller, ControllerContext } from "./controller.ts";
import { deleteIfThere, mergeConditions, timestamp } from "./controller.ts";
import {
  COMPLETION_INDEX,
  countJob,
  formatIndexes,
  type JobCounts,
  type JobVerdict,
  jobEnd,
  judgeJob,
} from "./job-progress.ts";
import { isPodActive, ownedPods, podFromTemplate, writeStatus } from "./owned-pods.ts";
import { isPodReady } from "./pod-readiness.ts";
import { startWorkloadController } from "./workload-controller.ts";

/** Pods that failed are replaced after a pause that doubles, as upstream. */
const BACKOFF_MS_MIN = 10_000;
const BACKOFF_MS_MAX = 600_000;

/**
 * Jobs: pods until so many have succeeded, or too many failed.
 *
 *   suspended <--suspend--> running --completions reached--> complete
 *                              '--backoffLimit, deadline--> failed      both --ttlSecondsAfterFinished--> deleted
 */
export function startJobController(context: ControllerContext): Controller {
  return startWorkloadController(context, {
    name: "job-controller",
    resource: JOBS,
    owned: PODS,
    reconcile: (job) => reconcileJob(context, job),
  });
}

/** @returns milliseconds after which to look again whatever happens */
async function reconcileJob(context: ControllerContext, job: KubeObject): Promise<number | undefined> {
  const { objects, clock } = context;
  const end = jobEnd(job);
  if (end) return removeWhenOld(context, job, end.atMs);
  const pods = ownedPods(objects, job);
  const counts = countJob(job, pods);
  const startedMs = job.status?.startTime ? Date.parse(job.status.startTime) : clock.now();
  const verdict = judgeJob(job, counts, clock.now() - startedMs);
  const active = pods.filter(isPodActive);
  if (verdict.state === "running") {
    const pauseMs = await replenish(context, job, counts, pods);
    await writeProgress(context, job, counts, verdict);
    const waits = [pauseMs, verdict.deadlineMs].filter((ms) => ms !== undefined);
    return waits.length > 0 ? Math.min(...waits) : undefined;
  }
  await Promise.all(active.map((pod) => removePod(context, job, pod)));
  await writeProgress(context, job, counts, verdict);
  return undefined;
}

/** Creates the pods that are missing, or takes away the ones above `parallelism`. */
async function replenish(
  context: ControllerContext,
  job: KubeObject,
  counts: JobCounts,
  pods: readonly KubeObject[],
): Promise<number | undefined> {
  const { objects, events, clock } = context;
  const { parallelism = 1, completions } = job.spec;
  const left = completions === undefined ? parallelism : completions - counts.succeeded;
  // Without a number of completions, one success means that the work is done and nobody new starts.
  const wanted =
    completions === undefined && counts.succeeded > 0 ? counts.active : Math.min(parallelism, left);
  if (counts.active > wanted) {
    const surplus = pods.filter(isPodActive).slice(wanted);
    await Promise.all(surplus.map((pod) => removePod(context, job, pod)));
    return undefined;
  }
  const missing = wanted - counts.active;
  if (missing === 0) return undefined;
  const pauseMs = pauseAfterFailures(pods, counts.failed, clock.now());
  if (pauseMs > 0) return pauseMs;
  const indexed = job.spec.completionMode === "Indexed";
  for (const index of indexed ? counts.missingIndexes.slice(0, missing) : Array(missing).fill(undefined)) {
    const pod = await objects.create(PODS, podOf(job, index));
    events.record(job, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
  }
  return undefined;
}

function podOf(job: KubeObject, index: number | undefined): KubeObject {
  const { name } = job.metadata;
  if (index === undefined) return podFromTemplate(job, job.spec.template, { generateName: `${name}-` });
  const marks = { [COMPLETION_INDEX]: String(index) };
  const pod = podFromTemplate(job, job.spec.template, {
    generateName: `${name}-${index}-`,
    labels: marks,
    annotations: marks,
  });
  const env = [{ name: "JOB_COMPLETION_INDEX", value: String(index) }];
  const withIndex = (container: KubeObject) => ({ ...container, env: [...(container.env ?? []), ...env] });
  return {
    ...pod,
    spec: {
      ...pod.spec,
      hostname: `${name}-${index}`,
      containers: pod.spec.containers.map(withIndex),
      ...(pod.spec.initContainers ? { initContainers: pod.spec.initContainers.map(withIndex) } : {}),
    },
  };
}

function pauseAfterFailures(pods: readonly KubeObject[], failed: number, nowMs: number): number {
  if (failed === 0) return 0;
  const lastMs = Math.max(
    ...pods.filter((pod) => pod.status?.phase === "Failed").map((pod) => finishedAtMs(pod)),
  );
  if (!Number.isFinite(lastMs)) return 0;
  return lastMs + Math.min(BACKOFF_MS_MIN * 2 ** (failed - 1), BACKOFF_MS_MAX) - nowMs;
}

/** When the last container of a finished pod ended. */
function finishedAtMs(pod: KubeObject): number {
  const ends = (pod.status?.containerStatuses ?? []).map((status: KubeObject) =>
    Date.parse(status.state?.terminated?.finishedAt ?? ""),
  );
  return Math.max(Date.parse(pod.metadata.creationTimestamp ?? ""), ...ends.filter(Number.isFinite));
}

async function removePod(
  { objects, events }: ControllerContext,
  job: KubeObject,
  pod: KubeObject,
): Promise<void> {
  await deleteIfThere(objects, PODS, pod.metadata.namespace, pod.metadata.name!, { uid: pod.metadata.uid! });
  events.record(job, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
}

async function writeProgress(
  context: ControllerContext,
  job: KubeObject,
  counts: JobCounts,
  verdict: JobVerdict,
): Promise<void> {
  const { objects, events, clock } = context;
  const now = timestamp(clock.now());
  const pods = ownedPods(objects, job);
  const conditions = conditionsOf(job, verdict);
  const isSuspended = verdict.state === "suspended";
  await writeStatus(objects, JOBS, job, {
    startTime: isSuspended ? null : (job.status?.startTime ?? now),
    active: pods.filter(isPodActive).length,
    ready: pods.filter((pod) => isPodActive(pod) && isPodReady(pod)).length,
    terminating: pods.filter((pod) => pod.metadata.deletionTimestamp).length,
    succeeded: counts.succeeded,
    failed: counts.failed,
    ...(verdict.state === "complete" ? { completionTime: now } : {}),
    ...(job.spec.completionMode === "Indexed"
      ? { completedIndexes: formatIndexes(counts.succeededIndexes) }
      : {}),
    conditions: mergeConditions(job.status?.conditions, conditions, now),
  });
  if (verdict.state === "complete") events.record(job, "Normal", "Completed", "Job completed");
  if (verdict.state === "failed") events.record(job, "Warning", verdict.reason, verdict.message);
}

function conditionsOf(job: KubeObject, verdict: JobVerdict): Condition[] {
  const wasSuspended = (job.status?.conditions ?? []).some(({ type }: Condition) => type === "Suspended");
  const suspension: Condition[] =
    verdict.state === "suspended"
      ? [{ type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" }]
      : wasSuspended
        ? [{ type: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" }]
        : [];
  if (verdict.state === "complete") {
    const reason = "CompletionsReached";
    const message = "Reached expected number of succeeded pods";
    return [
      ...suspension,
      { type: "SuccessCriteriaMet", status: "True", reason, message },
      { type: "Complete", status: "True", reason, message },
    ];
  }
  if (verdict.state === "failed") {
    const { reason, message } = verdict;
    return [
      ...suspension,
      { type: "FailureTarget", status: "True", reason, message },
      { type: "Failed", status: "True", reason, message },
    ];
  }
  return suspension;
}

async function removeWhenOld(
  { objects, clock }: ControllerContext,
  job: KubeObject,
  endedMs: number,
): Promise<number | undefined> {
  // Its last pods may still be leaving.
  const pods = ownedPods(objects, job);
  await writeStatus(objects, JOBS, job, {
    active: pods.filter(isPodActive).length,
    ready: pods.filter((pod) => isPodActive(pod) && isPodReady(pod)).length,
    terminating: pods.filter((pod) => pod.metadata.deletionTimestamp).length,
  });
  const ttlSeconds: number | undefined = job.spec.ttlSecondsAfterFinished;
  if (ttlSeconds === undefined) return undefined;
  const leftMs = endedMs + ttlSeconds * 1000 - clock.now();
  if (leftMs > 0) return leftMs;
  await deleteIfThere(objects, JOBS, job.metadata.namespace, job.metadata.name!, {
    uid: job.metadata.uid!,
    propagationPolicy: "Background",
  });
  return undefined;
}
