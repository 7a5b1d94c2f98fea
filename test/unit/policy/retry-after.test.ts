import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePushbackMs, parseRetryAfterMs } from "../../../src/policy/retry-after.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

test("Retry-After is read as seconds and as a date", () => {
  assert.equal(parseRetryAfterMs("120", NOW), 120_000);
  assert.equal(parseRetryAfterMs("Fri, 02 Jan 2026 03:04:35 GMT", NOW), 30_000);
});

test("Retry-After that is past, absent or malformed asks for nothing", () => {
  for (const text of [undefined, "", "soon", "-3", "1e9999", "Fri, 02 Jan 2026 03:04:00 GMT"]) {
    assert.equal(parseRetryAfterMs(text, NOW), 0, String(text));
  }
});

test("gRPC pushback is read in ms; a negative one forbids another attempt", () => {
  assert.deepEqual(["250", "-1", "x", undefined].map(parsePushbackMs), [250, -1, 0, 0]);
});
