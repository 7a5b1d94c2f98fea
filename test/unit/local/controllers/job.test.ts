import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { startCronJobController } from "../../../../src/local/controllers/cron-job.ts";
import { startJobController } from "../../../../src/local/controllers/job.ts";
import { formatIndexes } from "../../../../src/local/controllers/job-progress.ts";
import { CRON_JOBS, JOBS, PODS } from "../../../../src/local/resources.ts";
import { ControllerWorld } from "../../../support/controller-world.ts";
import { until } from "../../../support/until.ts";

let world: ControllerWorld;
beforeEach(() => {
  world = new ControllerWorld();
});
afterEach(() => world.stop());

const template = {
  metadata: { labels: { job: "j" } },
  spec: { restartPolicy: "Never", containers: [{ name: "app" }] },
};

async function startJob(spec: object): Promise<void> {
  world.run(startJobController(world.context));
  await world.objects.create(JOBS, {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "j", namespace: "demo" },
    spec: { parallelism: 1, completions: 1, backoffLimit: 6, template, ...spec },
  });
}

const job = (): KubeObject => world.objects.get(JOBS, "demo", "j")!;
const isEnded = (type: string) => () =>
  job().status?.conditions?.find((each: KubeObject) => each.type === type && each.status === "True");
const onePod = () => until("a pod", () => (world.pods().length === 1 ? world.pods()[0] : undefined));

describe("job controller", () => {
  test("runs one pod and is complete when it has succeeded", async () => {
    await startJob({});
    const pod = await onePod();
    assert.match(pod.metadata.name!, /^j-/);
    await world.finish(pod, "Succeeded");
    const condition = await until("completion", isEnded("Complete"));
    assert.equal(condition.reason, "CompletionsReached");
    assert.deepEqual([job().status.succeeded, job().status.failed, job().status.active], [1, 0, 0]);
    assert.ok(job().status.completionTime);
    assert.equal(world.pods().length, 1, "the pod stays, for its log");
  });

  test("runs no more pods at once than its parallelism, until all completions are there", async () => {
    await startJob({ parallelism: 2, completions: 3 });
    await until("two pods", () => world.pods().length === 2);
    await world.finish(world.pods()[0]!, "Succeeded");
    await until("a third", () => world.pods().length === 3);
    for (const pod of world.pods()) await world.finish(pod, "Succeeded");
    await until("completion", isEnded("Complete"));
    assert.equal(job().status.succeeded, 3);
  });

  test("replaces a failed pod after a pause, and fails when the limit is passed", async () => {
    await startJob({ backoffLimit: 1 });
    await world.finish(await onePod(), "Failed");
    await until("the count", () => job().status?.failed === 1);
    assert.equal(world.pods().length, 1, "not before the pause is over");
    world.clock.advance(10_000);
    await until("a second pod", () => world.pods().length === 2);
    await world.finish(world.pods().find((pod) => pod.status?.phase !== "Failed")!, "Failed");
    assert.equal((await until("failure", isEnded("Failed"))).reason, "BackoffLimitExceeded");
    assert.ok(world.reasons().includes("BackoffLimitExceeded"));
  });

  test("ends its pods when its deadline passes", async () => {
    await startJob({ activeDeadlineSeconds: 30 });
    await onePod();
    await until("a start", () => job().status?.startTime);
    world.clock.advance(31_000);
    assert.equal((await until("failure", isEnded("Failed"))).reason, "DeadlineExceeded");
    await until("pod leaving", () => world.pods().length === 0);
  });

  test("gives each pod of an indexed job its number, and retries the number that failed", async () => {
    await startJob({ completionMode: "Indexed", parallelism: 3, completions: 3 });
    await until("three pods", () => world.pods().length === 3);
    const index = (pod: KubeObject) => pod.metadata.annotations!["batch.kubernetes.io/job-completion-index"];
    assert.deepEqual(world.pods().map(index), ["0", "1", "2"]);
    assert.deepEqual(world.pods()[1]!.spec.containers[0].env, [{ name: "JOB_COMPLETION_INDEX", value: "1" }]);
    await world.finish(world.pods()[0]!, "Succeeded");
    await world.finish(world.pods()[1]!, "Failed");
    await until("the count", () => job().status?.failed === 1);
    world.clock.advance(10_000);
    await until("another pod", () => world.pods().length === 4);
    assert.deepEqual(world.pods().map(index), ["0", "1", "1", "2"]);
    assert.equal(job().status.completedIndexes, "0");
  });

  test("starts nothing while it is suspended, and forgets its pods when it becomes so", async () => {
    await startJob({ suspend: true });
    await until("a status", () => job().status?.conditions?.[0]?.type === "Suspended");
    assert.equal(world.pods().length, 0);
    await world.objects.mergePatch(JOBS, "demo", "j", { spec: { suspend: false } });
    await onePod();
    await world.objects.mergePatch(JOBS, "demo", "j", { spec: { suspend: true } });
    await until("no pods", () => world.pods().length === 0);
  });

  test("is deleted when it has been over for its time to live", async () => {
    await startJob({ ttlSecondsAfterFinished: 60 });
    await world.finish(await onePod(), "Succeeded");
    await until("completion", isEnded("Complete"));
    world.clock.advance(59_000);
    assert.ok(job());
    world.clock.advance(2_000);
    await until("gone", () => !job());
  });
});

test("indexes are written as ranges", () => {
  assert.equal(formatIndexes([0, 1, 2, 4, 6, 7]), "0-2,4,6,7");
  assert.equal(formatIndexes([]), "");
});

describe("cron job controller", () => {
  const jobs = () => world.objects.list(JOBS, "demo").filter((each) => !each.metadata.deletionTimestamp);
  const cron = () => world.objects.get(CRON_JOBS, "demo", "c")!;

  async function startCron(spec: object): Promise<void> {
    world.run(startCronJobController(world.context));
    await world.objects.create(CRON_JOBS, {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "c", namespace: "demo" },
      spec: { schedule: "* * * * *", jobTemplate: { spec: { template } }, ...spec },
    });
    // Its timer must be set before the clock moves.
    await until("its timer", () => world.clock.pending > 0);
  }

  async function end(name: string, type: "Complete" | "Failed"): Promise<void> {
    const completionTime = new Date(world.clock.now()).toISOString();
    const status = { completionTime, conditions: [{ type, status: "True" }] };
    await world.objects.mergePatch(JOBS, "demo", name, { status }, "status");
  }

  test("starts a job at each time, named for it", async () => {
    await startCron({});
    assert.equal(jobs().length, 0);
    world.clock.advance(60_000);
    const [first] = await until("a job", () => (jobs().length === 1 ? jobs() : undefined));
    assert.equal(first!.metadata.name, `c-${Math.floor(world.clock.now() / 60_000)}`);
    await until("status", () => cron().status?.active?.length === 1 && cron().status.lastScheduleTime);
    world.clock.advance(60_000);
    await until("another", () => jobs().length === 2);
  });

  test("waits for the running job under Forbid, and ends it under Replace", async () => {
    await startCron({ concurrencyPolicy: "Forbid" });
    world.clock.advance(60_000);
    await until("a job", () => cron().status?.active?.length === 1);
    const [first] = jobs();
    world.clock.advance(60_000);
    await until("the reason", () => world.reasons().includes("JobAlreadyActive"));
    assert.deepEqual(
      jobs().map((each) => each.metadata.name),
      [first!.metadata.name],
    );
    await world.objects.mergePatch(CRON_JOBS, "demo", "c", { spec: { concurrencyPolicy: "Replace" } });
    await until(
      "the next one",
      () => jobs().length === 1 && jobs()[0]!.metadata.name !== first!.metadata.name,
    );
  });

  test("starts nothing while suspended, and keeps as many ended jobs as its limits say", async () => {
    await startCron({ successfulJobsHistoryLimit: 1 });
    for (let count = 0; count < 3; count++) {
      world.clock.advance(60_000);
      const running = await until("a job", () => cron().status?.active?.[0]);
      await end(running.name, "Complete");
      await until("its end noticed", () => cron().status.active.length === 0);
    }
    assert.equal(jobs().length, 1);
    assert.ok(cron().status.lastSuccessfulTime);
    await world.objects.mergePatch(CRON_JOBS, "demo", "c", { spec: { suspend: true } });
    world.clock.advance(600_000);
    assert.equal(jobs().length, 1);
    assert.equal(world.objects.list(PODS, "demo").length, 0);
  });

  test("says in an event that it cannot read its schedule", async () => {
    world.run(startCronJobController(world.context));
    await world.objects.create(CRON_JOBS, {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "c", namespace: "demo" },
      spec: { schedule: "every day", jobTemplate: { spec: { template } } },
    });
    await until("the event", () => world.reasons().includes("UnparseableSchedule"));
  });
});
