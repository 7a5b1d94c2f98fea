import assert from "node:assert/strict";
import { test } from "node:test";
import { classifyGrpc, classifyStatus, parseGrpcStatus } from "../../../src/policy/classify-response.ts";

test("a status of 500 and above is a failure, 429 a refusal for load, the rest are successes", () => {
  const statuses = [200, 404, 429, 499, 500, 503, 599];
  assert.deepEqual(statuses.map(classifyStatus), [
    "success",
    "success",
    "limited",
    "success",
    "failure",
    "failure",
    "failure",
  ]);
});

test("gRPC codes that blame the server are failures", () => {
  const failing = [];
  for (let code = 0; code <= 17; code++) if (classifyGrpc(code) === "failure") failing.push(code);
  assert.deepEqual(failing, [2, 4, 7, 13, 14, 15]);
  assert.equal(classifyGrpc(8), "limited");
});

test("a gRPC status that is no number is UNKNOWN", () => {
  assert.deepEqual(["0", "14", "x", "", "1234"].map(parseGrpcStatus), [0, 14, 2, 2, 2]);
});
