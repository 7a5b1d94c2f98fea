import assert from "node:assert/strict";
import { test } from "node:test";
import { createAccessLog } from "../../../src/observe/access-log.ts";
import type { LiveExchange } from "../../../src/observe/live-exchange.ts";
import { createRecorder } from "../../../src/observe/recorder.ts";
import { FakeClock } from "../../support/clock.ts";
import { buildExchange } from "./build-exchange.ts";

function log(format: "apache" | "json", fields: Partial<LiveExchange>, responds = true): string {
  const lines: string[] = [];
  const clock = new FakeClock(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  const recorder = createRecorder({
    clock,
    observers: [createAccessLog({ format, write: (line) => lines.push(line) })],
  });
  const exchange = buildExchange(fields);
  recorder.opened(exchange);
  clock.advance(1);
  exchange.dialled = clock.monotonic();
  clock.advance(2);
  if (responds) recorder.responded(exchange);
  clock.advance(10);
  recorder.closed(exchange);
  return lines.join("");
}

test("access log in apache's format is one line when the response starts", () => {
  assert.equal(
    log("apache", { status: 200, peerIdentity: "web.demo" }),
    '10.0.0.1:4000 web.demo - [2026-01-02T03:04:05.678000000Z] "GET http://books.demo:80/list HTTP/1.1" 200\n',
  );
});

test("access log of a request that got no response has no status", () => {
  assert.equal(
    log("apache", { peerIdentity: "", protocol: "http/2" }, false),
    '10.0.0.1:4000 - - [2026-01-02T03:04:05.678000000Z] "GET http://books.demo:80/list HTTP/2.0" \n',
  );
});

test("access log in JSON has all fields, numbers as strings except the status", () => {
  const line = log("json", {
    status: 201,
    peerIdentity: "web.demo",
    requestHeaders: [
      ["X-Request-Id", "r1"],
      ["content-length", "12"],
      ["User-Agent", "curl"],
    ],
    responseHeaders: [["content-length", "7"]],
  });
  assert.deepEqual(JSON.parse(line), {
    "client.addr": "10.0.0.1:4000",
    "client.id": "web.demo",
    timestamp: "2026-01-02T03:04:05.678000000Z",
    method: "GET",
    uri: "http://books.demo:80/list",
    version: "HTTP/1.1",
    trace_id: "r1",
    request_bytes: "12",
    status: 201,
    response_bytes: "7",
    total_ns: "3000000",
    processing_ns: "2000000",
    user_agent: "curl",
    host: "books.demo:80",
  });
});

test("access log is silent for outbound requests and opaque connections", () => {
  assert.equal(log("json", { direction: "outbound", status: 200 }), "");
  assert.equal(log("json", { protocol: "opaque" }, false), "");
});
