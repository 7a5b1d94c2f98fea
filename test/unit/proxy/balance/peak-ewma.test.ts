import assert from "node:assert/strict";
import { test } from "node:test";
import { PeakEwma } from "../../../../src/proxy/balance/peak-ewma.ts";
import { pickByWeight, pickOfTwo } from "../../../../src/proxy/balance/pick.ts";

test("estimate takes a peak at once and forgets it slowly", () => {
  const estimate = new PeakEwma(30, 10_000, 0);
  estimate.observe(500, 0);
  assert.equal(estimate.read(0), 500);
  estimate.observe(10, 1000);
  const weight = Math.exp(-0.1);
  assert.ok(Math.abs(estimate.read(1000) - (500 * weight + 10 * (1 - weight))) < 1e-9);
});

test("estimate decays toward zero while nothing is observed, and a default is at least 1 ms", () => {
  const estimate = new PeakEwma(0, 10_000, 0);
  assert.equal(estimate.read(0), 1);
  assert.ok(Math.abs(estimate.read(10_000) - Math.exp(-1)) < 1e-12);
});

test("two choices are distinct, the lesser load wins, the first on a tie", () => {
  const draws =
    (...values: number[]) =>
    () =>
      values.shift()!;
  assert.equal(
    pickOfTwo(0, () => 0, draws()),
    -1,
  );
  assert.equal(
    pickOfTwo(1, () => 0, draws()),
    0,
  );
  assert.equal(
    pickOfTwo(3, (index) => [5, 1, 9][index]!, draws(0, 0)),
    1,
  );
  assert.equal(
    pickOfTwo(3, (index) => [5, 1, 9][index]!, draws(0.99, 0)),
    0,
  );
  assert.equal(
    pickOfTwo(3, () => 7, draws(0.5, 0.5)),
    1,
  );
});

test("weights decide, zero weights are never drawn, an unready draw is drawn again", () => {
  const all = () => true;
  assert.equal(
    pickByWeight([1, 3], all, () => 0.2),
    0,
  );
  assert.equal(
    pickByWeight([1, 3], all, () => 0.3),
    1,
  );
  assert.equal(
    pickByWeight([0, 1], all, () => 0),
    1,
  );
  assert.equal(
    pickByWeight(
      [1, 3],
      (index) => index === 0,
      () => 0.9,
    ),
    0,
  );
  assert.equal(
    pickByWeight(
      [1, 3],
      () => false,
      () => 0.9,
    ),
    -1,
  );
  assert.equal(
    pickByWeight([], all, () => 0),
    -1,
  );
});
