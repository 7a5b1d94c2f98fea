import assert from "node:assert/strict";
import { test } from "node:test";
import { parseContextToken, tryParseWorkloadToken } from "../../../../src/control/serve/tokens.ts";

const NOBODY = { namespace: "", nodeName: "", pod: "" };
const CONTEXTS: readonly [token: string, expected: object][] = [
  ['{"ns":"demo","nodeName":"n1","pod":"web-1"}\n', { namespace: "demo", nodeName: "n1", pod: "web-1" }],
  ["ns:demo", { namespace: "demo", nodeName: "", pod: "" }],
  ['{"nodeName":5}', NOBODY],
  ["", NOBODY],
  ["null", NOBODY],
  ["{", NOBODY],
];
for (const [token, expected] of CONTEXTS) {
  test(`context token ${JSON.stringify(token)} is read`, () =>
    assert.deepEqual(parseContextToken(token), expected));
}

const WORKLOADS: readonly [token: string, expected: object | undefined][] = [
  ['{"ns":"demo","pod":"web-1"}', { namespace: "demo", pod: "web-1", externalWorkload: undefined }],
  ['{"ns":"demo","external_workload":"vm"}', { namespace: "demo", pod: undefined, externalWorkload: "vm" }],
  ["demo:web-1", { namespace: "demo", pod: "web-1", externalWorkload: undefined }],
  ['{"ns":"demo"}', undefined],
  ['{"ns":"demo","pod":"a","external_workload":"b"}', undefined],
  ['{"pod":"web-1"}', undefined],
  ["demo", undefined],
];
for (const [token, expected] of WORKLOADS) {
  test(`workload token ${token} is ${expected ? "read" : "refused"}`, () =>
    assert.deepEqual(tryParseWorkloadToken(token), expected));
}
