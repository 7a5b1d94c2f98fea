import assert from "node:assert/strict";
import { test } from "node:test";
import type { FailureAccrual } from "../../../../src/policy/outbound.ts";
import { Breaker } from "../../../../src/proxy/balance/breaker.ts";
import { SuccessWindow } from "../../../../src/proxy/balance/success-window.ts";

const CONSECUTIVE: FailureAccrual = {
  maxConsecutiveFailures: 3,
  successRateThreshold: 0,
  decayMs: 10_000,
  minRequests: 0,
  backoff: { minMs: 1000, maxMs: 8000, jitterRatio: 0.5 },
};
const UNIFIED: FailureAccrual = {
  ...CONSECUTIVE,
  maxConsecutiveFailures: 0,
  successRateThreshold: 0.8,
  minRequests: 5,
  countsLimited: true,
};
const breakerOf = (policy: FailureAccrual, random = () => 0) => new Breaker(policy, random, 0);

test("breaker ejects at so many failures in a row, and a success begins the row anew", () => {
  const breaker = breakerOf(CONSECUTIVE);
  const ejects = (["failure", "failure", "success", "failure", "failure", "failure"] as const).map((each) =>
    breaker.count(each, 0),
  );
  assert.deepEqual(ejects, [false, false, false, false, false, true]);
});

test("breaker without limits never ejects", () => {
  const breaker = breakerOf({ ...CONSECUTIVE, maxConsecutiveFailures: 0 });
  for (let round = 0; round < 100; round++) assert.equal(breaker.count("failure", 0), false);
});

test("refusals for load end a row of failures where they are not counted, and neither end nor lengthen it where they are", () => {
  const plain = breakerOf(CONSECUTIVE);
  const unified = breakerOf({ ...UNIFIED, maxConsecutiveFailures: 3, successRateThreshold: 0 });
  for (const breaker of [plain, unified]) {
    for (const each of ["failure", "failure", "limited"] as const)
      assert.equal(breaker.count(each, 0), false);
  }
  assert.equal(plain.count("failure", 0), false);
  assert.equal(unified.count("failure", 0), true);
  assert.equal(plain.isWell("limited"), true);
  assert.equal(unified.isWell("limited"), false);
});

test("breaker ejects when too few responses of the window are successes, not before there are enough of them", () => {
  const breaker = breakerOf(UNIFIED);
  for (let round = 0; round < 4; round++) assert.equal(breaker.count("failure", round), false);
  assert.equal(breaker.count("success", 5), true);
  const mostlyWell = breakerOf(UNIFIED);
  for (let round = 0; round < 100; round++) {
    assert.equal(mostlyWell.count(round % 5 === 4 ? "limited" : "success", round), false);
  }
  assert.equal(mostlyWell.count("limited", 100), true);
});

test("breaker forgets what the window has left behind", () => {
  const breaker = breakerOf(UNIFIED);
  for (let round = 0; round < 4; round++) breaker.count("failure", 0);
  assert.equal(breaker.count("failure", 10_001), false);
});

test("pauses double up to the longest, with jitter, and start again after a success", () => {
  const breaker = breakerOf(CONSECUTIVE, () => 0.5);
  const pauses = () => [1, 2, 3, 4, 5].map(() => breaker.nextPauseMs(60_000));
  assert.deepEqual(pauses(), [1250, 2500, 5000, 8000, 8000]);
  breaker.reopen();
  assert.equal(breaker.nextPauseMs(0), 1250);
});

test("a pause is as long as the server asks where the policy heeds it, within reason", () => {
  const breaker = breakerOf({ ...CONSECUTIVE, backoff: { ...CONSECUTIVE.backoff, respectRetryAfter: true } });
  assert.equal(breaker.nextPauseMs(30_000), 30_000);
  assert.equal(breaker.nextPauseMs(10 ** 9), 300_000);
  assert.equal(breaker.nextPauseMs(1), 4000);
});

test("window counts what lies within it, bucket by bucket", () => {
  const window = new SuccessWindow(1000, 0);
  for (let at = 0; at < 1000; at += 50) window.count(at >= 500, at);
  assert.deepEqual([window.total(999), window.rate(999)], [20, 0.5]);
  assert.deepEqual([window.total(1499), window.rate(1499)], [10, 1]);
  assert.deepEqual([window.total(1899), window.rate(1899)], [2, 1]);
  assert.deepEqual([window.total(100_000), window.rate(100_000)], [0, 1]);
});
