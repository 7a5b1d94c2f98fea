import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshError } from "../../../src/base/error.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { type GrpcStatusName, grpcError, hasGrpcStatus } from "../../../src/proxy/control/grpc-status.ts";
import { NO_LIMITS, type StreamLimits, watchStream } from "../../../src/proxy/control/watch-stream.ts";
import { FakeClock, settle } from "../../support/clock.ts";

interface Attempt {
  send(message: string): void;
  end(): void;
  fail(status: GrpcStatusName): void;
  readonly aborted: boolean;
}

/** Streams that the test opens up to and ends by hand. */
function setUp(limits: Partial<StreamLimits> = {}) {
  const clock = new FakeClock();
  const attempts: Attempt[] = [];
  const seen: string[] = [];
  const failures: string[] = [];
  const stop = new AbortController();
  const done = watchStream<string>(
    {
      what: "test",
      open: (signal, onMessage) =>
        new Promise((resolve, reject) => {
          signal.addEventListener("abort", () => reject(grpcError("CANCELLED", "aborted")));
          attempts.push({
            send: onMessage,
            end: resolve,
            fail: (status) => reject(grpcError(status, "x")),
            get aborted() {
              return signal.aborted;
            },
          });
        }),
      onMessage: (message, isFirst) => seen.push(isFirst ? `first ${message}` : message),
      isFinal: (error) => hasGrpcStatus(error, "INVALID_ARGUMENT"),
      onFailure: (error: MeshError) => failures.push(error.code),
      limits: { ...NO_LIMITS, ...limits },
      backoff: { minMs: 100, maxMs: 400, jitterRatio: 0 },
      clock,
      random: () => 0.5,
      log: silentLogger,
    },
    stop.signal,
  );
  return { clock, attempts, seen, failures, stop, done };
}

test("stream reopens with doubling waits while it fails, and starts over after a message", async () => {
  const { clock, attempts, failures, stop, done } = setUp();
  const waits: number[] = [];
  const failNext = async () => {
    attempts.at(-1)!.fail("UNAVAILABLE");
    await settle();
    waits.push(clock.nextDelayMs!);
    await clock.advanceAsync(clock.nextDelayMs!);
  };
  for (let index = 0; index < 4; index++) await failNext();
  attempts.at(-1)!.send("a");
  await failNext();
  assert.deepEqual(waits, [100, 200, 400, 400, 100]);
  assert.equal(failures.length, 5);
  stop.abort();
  assert.equal(await done, undefined);
});

test("stream that ends cleanly is reopened, and its first message is told apart", async () => {
  const { clock, attempts, seen, failures, stop, done } = setUp();
  attempts[0]!.send("a");
  attempts[0]!.send("b");
  attempts[0]!.end();
  await clock.advanceAsync(100);
  attempts[1]!.send("c");
  assert.deepEqual(seen, ["first a", "b", "first c"]);
  assert.deepEqual(failures, []);
  stop.abort();
  await done;
});

test("stream gives up at a final status", async () => {
  const { attempts, done } = setUp();
  attempts[0]!.fail("INVALID_ARGUMENT");
  assert.equal((await done)?.code, "CONTROL_INVALID_ARGUMENT");
});

test("stream without a first message in time counts as failed", async () => {
  const { clock, attempts, failures, stop, done } = setUp({ initialTimeoutMs: 3000 });
  await clock.advanceAsync(3000);
  assert.equal(attempts[0]!.aborted, true);
  assert.deepEqual(failures, ["CONTROL_DEADLINE_EXCEEDED"]);
  await clock.advanceAsync(100);
  assert.equal(attempts.length, 2);
  stop.abort();
  await done;
});

test("the idle limit bounds the first message when it has no limit of its own", async () => {
  const { clock, failures, stop, done } = setUp({ idleTimeoutMs: 5000 });
  await clock.advanceAsync(5000);
  assert.deepEqual(failures, ["CONTROL_DEADLINE_EXCEEDED"]);
  stop.abort();
  await done;
});

test("silent stream ends cleanly at the idle limit, which every message renews", async () => {
  const { clock, attempts, failures, stop, done } = setUp({ idleTimeoutMs: 5000 });
  attempts[0]!.send("a");
  await clock.advanceAsync(4999);
  attempts[0]!.send("b");
  await clock.advanceAsync(4999);
  assert.equal(attempts[0]!.aborted, false);
  await clock.advanceAsync(1);
  assert.equal(attempts[0]!.aborted, true);
  assert.deepEqual(failures, []);
  stop.abort();
  await done;
});

test("stream is renewed at its lifetime, somewhat early so that proxies spread out", async () => {
  const { clock, attempts, failures, stop, done } = setUp({ lifetimeMs: 10_000 });
  attempts[0]!.send("a");
  await clock.advanceAsync(9499);
  assert.equal(attempts[0]!.aborted, false);
  await clock.advanceAsync(1);
  assert.equal(attempts[0]!.aborted, true);
  assert.deepEqual(failures, []);
  stop.abort();
  await done;
});

test("abort ends the open stream and leaves no timer", async () => {
  const { clock, attempts, stop, done } = setUp({ idleTimeoutMs: 5000, lifetimeMs: 10_000 });
  stop.abort();
  assert.equal(await done, undefined);
  assert.equal(attempts[0]!.aborted, true);
  assert.equal(clock.pending, 0);
});

test("abort while waiting ends the wait", async () => {
  const { clock, attempts, stop, done } = setUp();
  attempts[0]!.fail("UNAVAILABLE");
  await settle();
  stop.abort();
  assert.equal(await done, undefined);
  assert.equal(clock.pending, 0);
});
