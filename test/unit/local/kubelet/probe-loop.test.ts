import assert from "node:assert/strict";
import { test } from "node:test";
import { ProbeLoop } from "../../../../src/local/kubelet/probe-loop.ts";
import { FakeClock } from "../../../support/clock.ts";

function run(spec: object, isEager: boolean, outcomeAt: (ms: number) => boolean) {
  const clock = new FakeClock();
  const verdicts: string[] = [];
  const attempts: number[] = [];
  const loop = new ProbeLoop({
    spec,
    clock,
    isEager,
    attempt: async () => {
      attempts.push(clock.monotonic());
      return { ok: outcomeAt(clock.monotonic()), message: "no" };
    },
    onVerdict: (ok) => verdicts.push(`${ok ? "ok" : "failed"}@${clock.monotonic()}`),
    onFailure: () => {},
  });
  return { clock, verdicts, attempts, loop };
}

test("an eager probe is tried at once and often, so that readiness follows within 100 ms", async () => {
  const { clock, verdicts, attempts } = run(
    { periodSeconds: 10, initialDelaySeconds: 5 },
    true,
    (ms) => ms >= 250,
  );
  await clock.advanceAsync(1000);
  assert.deepEqual(verdicts, ["ok@300"]);
  assert.deepEqual(attempts, [0, 100, 200, 300]);
  await clock.advanceAsync(10_000);
  assert.deepEqual(attempts.slice(4), [10_300], "after success the period counts");
});

test("eager failures count no faster than the period would have made them", async () => {
  const { clock, verdicts } = run(
    { periodSeconds: 1, failureThreshold: 3, initialDelaySeconds: 2 },
    true,
    () => false,
  );
  await clock.advanceAsync(4900);
  assert.deepEqual(verdicts, []);
  await clock.advanceAsync(1000);
  assert.match(verdicts[0] ?? "", /^failed@5\d{3}$/);
});

test("a liveness probe waits for its delay, and fails after its threshold in a row only", async () => {
  const failing = new Set([12_000, 22_000, 42_000, 52_000, 62_000]);
  const { clock, verdicts, attempts } = run(
    { periodSeconds: 10, initialDelaySeconds: 2 },
    false,
    (ms) => !failing.has(ms),
  );
  await clock.advanceAsync(61_000);
  assert.equal(attempts[0], 2000);
  assert.deepEqual(verdicts, ["ok@2000"]);
  await clock.advanceAsync(1000);
  assert.deepEqual(verdicts, ["ok@2000", "failed@62000"]);
});

test("readiness lost is regained, and a stopped loop leaves no timer", async () => {
  const { clock, verdicts, loop } = run(
    { periodSeconds: 1, failureThreshold: 2 },
    true,
    (ms) => ms < 1000 || ms >= 4000,
  );
  await clock.advanceAsync(6000);
  assert.equal(verdicts[0], "ok@0");
  assert.match(verdicts[1] ?? "", /^failed@2/);
  assert.match(verdicts[2] ?? "", /^ok@4/);
  loop.stop();
  assert.equal(clock.pending, 0);
});
