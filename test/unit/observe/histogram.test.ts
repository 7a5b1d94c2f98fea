import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  HISTOGRAM_BUCKETS,
  histogramIndex,
  histogramValueUs,
  mergeHistogram,
  quantileMs,
} from "../../../src/observe/histogram.ts";

test("histogram buckets hold a time within 1/32 of its value", () => {
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 0xfffffff }), (us) => {
      const index = histogramIndex(us);
      const error = Math.abs(histogramValueUs(index) - us) / us;
      return index < HISTOGRAM_BUCKETS && error <= 1 / 32;
    }),
  );
});

test("histogram is exact below 16 microseconds and clamps what no bucket holds", () => {
  for (let us = 0; us < 16; us++) assert.equal(histogramValueUs(histogramIndex(us)), us);
  assert.equal(histogramIndex(-5), 0);
  assert.equal(histogramIndex(2 ** 40), HISTOGRAM_BUCKETS - 1);
});

test("histogram indexes ascend with the time", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (a, b) => {
      return a <= b === histogramIndex(a) <= histogramIndex(b) || histogramIndex(a) === histogramIndex(b);
    }),
  );
});

test("quantiles of a merged histogram are within a bucket of the exact ones", () => {
  const times = fc.array(fc.integer({ min: 100, max: 10_000_000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(times, times, fc.constantFrom(0.5, 0.95, 0.99), (left, right, quantile) => {
      const dense = new Float64Array(HISTOGRAM_BUCKETS);
      for (const part of [left, right]) {
        mergeHistogram(
          dense,
          part.map((us) => [histogramIndex(us), 1] as const),
        );
      }
      const sorted = [...left, ...right].sort((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(sorted.length * quantile)) - 1]!;
      return Math.abs(quantileMs(dense, quantile)! * 1000 - exact) <= exact / 16;
    }),
  );
});

test("a quantile of nothing is undefined", () => {
  assert.equal(quantileMs(new Float64Array(HISTOGRAM_BUCKETS), 0.5), undefined);
});
