import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../../src/base/log.ts";
import type { WorkerThread } from "../../../../src/proxy/proxy-io.ts";
import type { FromWorker, ToWorker } from "../../../../src/proxy/workers/messages.ts";
import { WorkerPool } from "../../../../src/proxy/workers/worker-pool.ts";
import { FakeClock, settle } from "../../../support/clock.ts";

/** Workers that only this test plays. */
function setUp(count = 2) {
  const clock = new FakeClock();
  const lost: string[] = [];
  const workers: {
    posted: ToWorker[];
    say: (message: FromWorker) => void;
    exit: (why: string) => void;
    isTerminated: boolean;
  }[] = [];
  const pool = new WorkerPool({
    count,
    clock,
    log: silentLogger,
    version: "1",
    identity: "me",
    metrics: () => "",
    onLost: (error) => void lost.push(error.message),
    spawn(): WorkerThread {
      const worker = {
        posted: [] as ToWorker[],
        say: (_message: FromWorker) => {},
        exit: (_why: string) => {},
        isTerminated: false,
      };
      workers.push(worker);
      return {
        post: (message) => void worker.posted.push(message),
        onMessage: (listener) => {
          worker.say = listener;
        },
        onExit: (listener) => {
          worker.exit = listener;
        },
        terminate: () => {
          worker.isTerminated = true;
        },
      };
    },
  });
  return { pool, workers, clock, lost };
}

const asked = (posted: readonly ToWorker[]) =>
  posted.find((message) => message.kind === "question") as Extract<ToWorker, { kind: "question" }>;

test("the pool has bound when every worker has", async () => {
  const { pool, workers } = setUp();
  let isBound = false;
  const starting = pool.start().then(() => {
    isBound = true;
  });
  workers[0]!.say({ kind: "bound" });
  await settle();
  assert.equal(isBound, false);
  workers[1]!.say({ kind: "bound" });
  await starting;
});

test("a worker that cannot start fails the start with its reason", async () => {
  const { pool, workers, lost } = setUp();
  const starting = pool.start();
  workers[1]!.say({ kind: "failed", message: "port 4143 is in use", hint: undefined });
  await assert.rejects(starting, { code: "WORKER_FAILED", message: "port 4143 is in use" });
  assert.deepEqual(lost, ["port 4143 is in use"]);
});

test("a worker that is gone is a loss, unless all were told to stop", async () => {
  const running = setUp();
  void running.pool.start().catch(() => {});
  running.workers[0]!.exit("out of memory");
  assert.deepEqual(running.lost, ["worker 1 is gone: out of memory"]);

  const stopping = setUp();
  void stopping.pool.start();
  const stopped = stopping.pool.stop();
  assert.ok(stopping.workers.every(({ posted }) => posted.some(({ kind }) => kind === "stop")));
  for (const worker of stopping.workers) worker.exit("it ended");
  await stopped;
  assert.deepEqual(stopping.lost, []);
});

test("a worker that does not answer in time is left out, and all of them are a failure", async () => {
  const { pool, workers, clock } = setUp();
  void pool.start();
  const reading = pool.readRecords({ sinceMs: 0, limit: undefined, filter: {} });
  const { id } = asked(workers[0]!.posted);
  workers[0]!.say({ kind: "answer", id, value: { exchanges: [], fromMs: 7, toMs: 9, lost: 1 } });
  clock.advance(5000);
  assert.deepEqual(await reading, { exchanges: [], fromMs: 7, toMs: 9, lost: 1 });

  const silent = pool.readMetrics();
  const failed = assert.rejects(silent, { code: "WORKER_FAILED" });
  clock.advance(5000);
  await failed;
});

test("records are put in order, and what they cover is what all cover", async () => {
  const { pool, workers } = setUp();
  void pool.start();
  const reading = pool.readRecords({ sinceMs: 0, limit: 2, filter: {} });
  const { id } = asked(workers[0]!.posted);
  const exchange = (openedAtMs: number) => ({ id: openedAtMs, openedAtMs }) as never;
  workers[0]!.say({
    kind: "answer",
    id,
    value: { exchanges: [exchange(1), exchange(4)], fromMs: 1, toMs: 10, lost: 2 },
  });
  workers[1]!.say({
    kind: "answer",
    id,
    value: { exchanges: [exchange(2), exchange(3)], fromMs: 2, toMs: 11, lost: 3 },
  });
  const answer = await reading;
  assert.deepEqual(
    answer.exchanges.map(({ openedAtMs }) => openedAtMs),
    [3, 4],
  );
  assert.deepEqual([answer.fromMs, answer.toMs, answer.lost], [2, 11, 5]);
});
