import assert from "node:assert/strict";
import { test } from "node:test";
import { ResponseVerdict } from "../../../../src/proxy/outbound/response-verdict.ts";
import { Fields } from "../../../../src/wire/http1-fields.ts";
import { ResponseHead } from "../../../../src/wire/http1-head.ts";
import { FakeClock } from "../../../support/clock.ts";

function fieldsOf(fields: Fields, entries: Record<string, string>): Fields {
  for (const [name, value] of Object.entries(entries)) fields.append(name, value);
  return fields;
}

/** `class penalised retry-after`, of a response with this head and these trailers. */
function verdict(
  isGrpc: boolean,
  status: number,
  headers: Record<string, string> = {},
  trailers?: Record<string, string>,
): string {
  const head = new ResponseHead();
  head.status = status;
  fieldsOf(head.fields, headers);
  const result = new ResponseVerdict(isGrpc, new FakeClock());
  result.read(head, undefined);
  if (trailers) result.readTrailers(fieldsOf(new Fields(), trailers));
  return `${result.response} ${result.isPenalised} ${result.retryAfterMs}`;
}

test("HTTP responses are judged by their status; only 429 and 503 are heeded in when to come back", () => {
  assert.equal(verdict(false, 200, { "retry-after": "9" }), "success false 0");
  assert.equal(verdict(false, 429, { "retry-after": "9" }), "limited true 9000");
  assert.equal(verdict(false, 503, { "retry-after": "9" }), "failure true 9000");
  assert.equal(verdict(false, 500, { "retry-after": "9" }), "failure true 0");
  assert.equal(verdict(false, 200, { "grpc-status": "14" }), "success false 0");
});

test("gRPC responses are judged by their status in head or trailers, penalised only by the head", () => {
  assert.equal(verdict(true, 200, { "grpc-status": "0" }), "success false 0");
  assert.equal(
    verdict(true, 200, { "grpc-status": "14", "grpc-retry-pushback-ms": "70" }),
    "failure true 70",
  );
  assert.equal(verdict(true, 200, { "grpc-status": "8" }), "limited true 0");
  assert.equal(verdict(true, 200, { "grpc-status": "13", "grpc-retry-pushback-ms": "70" }), "failure true 0");
  assert.equal(verdict(true, 200, {}, { "grpc-status": "14" }), "failure false 0");
  assert.equal(verdict(true, 200, {}, { "grpc-status": "0" }), "success false 0");
});

test("a denial is a failure for the breaker but no sign of slowness", () => {
  assert.equal(verdict(true, 200, { "grpc-status": "7" }), "failure false 0");
});

test("a gRPC response without any status is a success, one with a failing HTTP status never", () => {
  assert.equal(verdict(true, 200, {}, {}), "success false 0");
  assert.equal(verdict(true, 503, {}, { "grpc-status": "0" }), "failure true 0");
});
