import { MeshError } from "../../base/error.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { CRON_JOBS, JOBS } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import {
  controllerOf,
  controllerReference,
  deleteIfThere,
  isAlreadyExists,
  timestamp,
} from "./controller.ts";
import { type CronSchedule, nextCronTime, parseCronSchedule } from "./cron-schedule.ts";
import { jobEnd } from "./job-progress.ts";
import { writeStatus } from "./owned-pods.ts";
import { startWorkloadController } from "./workload-controller.ts";

const SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp";
const MINUTE_MS = 60_000;
/** After so many missed times somebody has to look: upstream gives up the catching up there too. */
const MISSED_MAX = 100;

/** CronJobs: a Job at each time that the schedule names. */
export function startCronJobController(context: ControllerContext): Controller {
  return startWorkloadController(context, {
    name: "cronjob-controller",
    resource: CRON_JOBS,
    owned: JOBS,
    reconcile: (cron) => reconcileCronJob(context, cron),
  });
}

/** @returns milliseconds until the next scheduled time */
async function reconcileCronJob(context: ControllerContext, cron: KubeObject): Promise<number | undefined> {
  const { objects, clock, events } = context;
  const jobs = objects
    .list(JOBS, cron.metadata.namespace)
    .filter((job) => controllerOf(job)?.uid === cron.metadata.uid);
  await forgetOld(context, cron, jobs);
  const nowMs = clock.now();
  try {
    const schedule = parseCronSchedule(cron.spec.schedule);
    const due = cron.spec.suspend ? undefined : lastDue(context, cron, schedule, nowMs);
    const startedMs = due === undefined ? undefined : await start(context, cron, jobs, due);
    await writeCronStatus(context, cron, startedMs);
    if (cron.spec.suspend) return undefined;
    const nextMs = nextCronTime(schedule, nowMs, cron.spec.timeZone);
    return nextMs === undefined ? undefined : nextMs - nowMs;
  } catch (caught) {
    if (!(caught instanceof MeshError && caught.code === "CRON_INVALID")) throw caught;
    events.record(cron, "Warning", "UnparseableSchedule", caught.message);
    return undefined;
  }
}

/** The newest time that has passed since the last start, unless it is older than `startingDeadlineSeconds`. */
function lastDue(
  { events }: ControllerContext,
  cron: KubeObject,
  schedule: CronSchedule,
  nowMs: number,
): number | undefined {
  const { startingDeadlineSeconds, timeZone } = cron.spec;
  let sinceMs = Date.parse(cron.status?.lastScheduleTime ?? cron.metadata.creationTimestamp ?? "");
  if (startingDeadlineSeconds !== undefined)
    sinceMs = Math.max(sinceMs, nowMs - startingDeadlineSeconds * 1000);
  let due: number | undefined;
  let missed = 0;
  for (
    let atMs = nextCronTime(schedule, sinceMs, timeZone);
    atMs !== undefined && atMs <= nowMs;
    atMs = nextCronTime(schedule, atMs, timeZone)
  ) {
    due = atMs;
    if (++missed > MISSED_MAX) {
      events.record(cron, "Warning", "TooManyMissedTimes", `too many missed start times: over ${MISSED_MAX}`);
      // The newest is what counts; the others are lost either way.
      return nextCronTime(schedule, nowMs - MINUTE_MS - 1, timeZone) ?? due;
    }
  }
  return due;
}

/** Starts the Job of one scheduled time as the concurrency policy allows. Undefined: it waits or is skipped. */
async function start(
  context: ControllerContext,
  cron: KubeObject,
  jobs: readonly KubeObject[],
  dueMs: number,
): Promise<number | undefined> {
  const { objects, events } = context;
  const { namespace } = cron.metadata;
  const active = jobs.filter((job) => !jobEnd(job));
  if (active.length > 0 && cron.spec.concurrencyPolicy === "Forbid") {
    events.record(
      cron,
      "Normal",
      "JobAlreadyActive",
      "Not starting job because prior execution is running and concurrency policy is Forbid",
    );
    return undefined;
  }
  if (cron.spec.concurrencyPolicy === "Replace") {
    for (const job of active) {
      await deleteIfThere(objects, JOBS, namespace, job.metadata.name!, {
        uid: job.metadata.uid!,
        propagationPolicy: "Background",
      });
      events.record(cron, "Normal", "SuccessfulDelete", `Deleted job ${job.metadata.name}`);
    }
  }
  const template = cron.spec.jobTemplate;
  // The name says for which time it is: a second attempt for the same time finds it there.
  const name = `${cron.metadata.name}-${Math.floor(dueMs / MINUTE_MS)}`;
  try {
    await objects.create(JOBS, {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: {
        ...template.metadata,
        name,
        namespace: namespace!,
        annotations: { ...template.metadata?.annotations, [SCHEDULED_AT]: timestamp(dueMs) },
        ownerReferences: [controllerReference(cron)],
      },
      spec: template.spec,
    });
    events.record(cron, "Normal", "SuccessfulCreate", `Created job ${name}`);
  } catch (caught) {
    if (!isAlreadyExists(caught)) throw caught;
  }
  return dueMs;
}

async function writeCronStatus(
  { objects }: ControllerContext,
  cron: KubeObject,
  startedMs: number | undefined,
): Promise<void> {
  const jobs = objects
    .list(JOBS, cron.metadata.namespace)
    .filter((job) => controllerOf(job)?.uid === cron.metadata.uid);
  const completions = jobs
    .filter((job) => jobEnd(job)?.as === "Complete")
    .map((job): string => job.status.completionTime)
    .concat(cron.status?.lastSuccessfulTime ?? [])
    .sort();
  await writeStatus(objects, CRON_JOBS, cron, {
    active: jobs
      .filter((job) => !jobEnd(job))
      .map((job) => ({
        apiVersion: "batch/v1",
        kind: "Job",
        name: job.metadata.name,
        namespace: job.metadata.namespace,
        uid: job.metadata.uid,
      })),
    ...(startedMs === undefined ? {} : { lastScheduleTime: timestamp(startedMs) }),
    ...(completions.length > 0 ? { lastSuccessfulTime: completions.at(-1) } : {}),
  });
}

/** Deletes ended Jobs beyond the history limits, oldest first. */
async function forgetOld(
  { objects, events }: ControllerContext,
  cron: KubeObject,
  jobs: readonly KubeObject[],
): Promise<void> {
  const limits = {
    Complete: cron.spec.successfulJobsHistoryLimit ?? 3,
    Failed: cron.spec.failedJobsHistoryLimit ?? 1,
  };
  for (const [end, limit] of Object.entries(limits)) {
    const ended = jobs
      .filter((job) => jobEnd(job)?.as === end && !job.metadata.deletionTimestamp)
      .sort((left, right) => (startOf(left) < startOf(right) ? -1 : 1));
    for (const job of ended.slice(0, Math.max(0, ended.length - limit))) {
      await deleteIfThere(objects, JOBS, job.metadata.namespace, job.metadata.name!, {
        uid: job.metadata.uid!,
        propagationPolicy: "Background",
      });
      events.record(cron, "Normal", "SuccessfulDelete", `Deleted job ${job.metadata.name}`);
    }
  }
}

function startOf(job: KubeObject): string {
  return job.metadata.annotations?.[SCHEDULED_AT] ?? job.metadata.creationTimestamp ?? "";
}
