import assert from "node:assert/strict";
import { test } from "node:test";
import { formatGrpcTimeout, parseGrpcTimeoutMs } from "../../../src/policy/grpc-timeout.ts";

test("a gRPC timeout is read in each of its units", () => {
  const texts = ["2H", "3M", "4S", "5m", "6000u", "7000000n"];
  assert.deepEqual(texts.map(parseGrpcTimeoutMs), [7_200_000, 180_000, 4000, 5, 6, 7]);
});

test("a gRPC timeout that is malformed means nothing", () => {
  for (const text of [undefined, "", "5", "m", "-1m", "1.5S", "123456789m", "5 m", "5s"]) {
    assert.equal(parseGrpcTimeoutMs(text), undefined, String(text));
  }
});

test("a gRPC timeout is written in no more than eight digits, and never longer than it is", () => {
  assert.equal(formatGrpcTimeout(1999.9), "1999m");
  assert.equal(formatGrpcTimeout(-5), "0m");
  assert.equal(formatGrpcTimeout(99_999_999), "99999999m");
  assert.equal(formatGrpcTimeout(100_000_999), "100000S");
  assert.equal(formatGrpcTimeout(Number.MAX_SAFE_INTEGER), "99999999S");
});
