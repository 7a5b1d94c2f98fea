import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveExchange } from "../../../../src/observe/live-exchange.ts";
import { createObserverSet } from "../../../../src/observe/observer-set.ts";
import { createRecorder } from "../../../../src/observe/recorder.ts";
import { type ExchangeConnection, ServerExchange } from "../../../../src/proxy/http/server-exchange.ts";
import type { Span } from "../../../../src/proxy/tracing/span.ts";
import { Tracer } from "../../../../src/proxy/tracing/tracer.ts";
import { RequestHead, ResponseHead } from "../../../../src/wire/http1-head.ts";
import { FakeClock } from "../../../support/clock.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

const connection: ExchangeConnection = {
  attachBody() {},
  resumeBody() {},
  sendInterim() {},
  sendHead() {},
  sendData: () => true,
  sendEnd() {},
  upgrade: () => assert.fail("no upgrade"),
  cut() {},
};

function setUp(options: { headers?: Readonly<Record<string, string>>; samplingRatio?: number } = {}) {
  const clock = new FakeClock(1_000_000);
  const spans: Span[] = [];
  let next = 0;
  const tracer = new Tracer({
    samplingRatio: options.samplingRatio ?? 0,
    clock,
    // Ids that can be told apart: 1/1000, 2/1000, ...
    random: () => ++next / 1000,
    emit: (span) => spans.push(span),
  });
  const guests = createObserverSet();
  guests.add(tracer);
  const recorder = createRecorder({ clock, observers: [guests] });
  const request = new RequestHead();
  request.method = "GET";
  request.target = "/list?page=2";
  request.fields.append("host", "user:pass@books.demo:80");
  request.fields.append("user-agent", "curl/8");
  for (const [name, value] of Object.entries(options.headers ?? {})) request.fields.append(name, value);
  const live = new LiveExchange("outbound", "http/1");
  Object.assign(live, {
    method: "GET",
    authority: "user:pass@books.demo:80",
    path: request.target,
    opened: clock.monotonic(),
    openedAtMs: clock.now(),
  });
  const exchange = new ServerExchange({ request, live, recorder, connection, rescue: () => assert.fail() });
  const respond = (status: number): void => {
    const head = new ResponseHead();
    head.status = status;
    exchange.sendHead(head);
    exchange.sendEnd(undefined);
  };
  return { clock, tracer, spans, exchange, request, respond };
}

test("a sampled request gets a server and a client span, each the parent of what follows", () => {
  const { clock, tracer, spans, exchange, request, respond } = setUp({
    headers: { traceparent: `00-${TRACE}-${SPAN}-01` },
  });
  tracer.begin(exchange);
  const serverParent = request.fields.get("traceparent");
  clock.advance(5);
  exchange.onSend?.(exchange);
  const clientParent = request.fields.get("traceparent");
  clock.advance(20);
  respond(503);
  assert.deepEqual(
    spans.map(({ kind }) => kind),
    ["server", "client"],
  );
  const [server, client] = spans as [Span, Span];
  assert.equal(server.parentSpanId, SPAN);
  assert.equal(client.parentSpanId, server.spanId);
  assert.equal(serverParent, `00-${TRACE}-${server.spanId}-01`);
  assert.equal(clientParent, `00-${TRACE}-${client.spanId}-01`);
  assert.notEqual(server.spanId, client.spanId);
  assert.deepEqual([server.startMs, server.endMs], [1_000_000, 1_000_025]);
  assert.deepEqual([client.startMs, client.endMs], [1_000_005, 1_000_025]);
  assert.ok(server.isError && client.isError);
});

test("a span says what OpenTelemetry's conventions ask for, and nobody's password", () => {
  const { tracer, spans, exchange, respond } = setUp({ headers: { traceparent: `00-${TRACE}-${SPAN}-01` } });
  tracer.begin(exchange);
  respond(200);
  const [server] = spans as [Span];
  assert.equal(server.name, "/list");
  assert.deepEqual(Object.fromEntries(server.attributes), {
    direction: "outbound",
    "http.request.method": "GET",
    "url.scheme": "http",
    "url.path": "/list",
    "url.query": "page=2",
    "url.full": "http://REDACTED:REDACTED@books.demo:80/list?page=2",
    "network.transport": "tcp",
    "server.address": "books.demo",
    "server.port": 80,
    "user_agent.original": "curl/8",
    "http.response.status_code": 200,
  });
});

test("each attempt has a client span of its own", () => {
  const { tracer, spans, exchange, respond } = setUp({ headers: { traceparent: `00-${TRACE}-${SPAN}-01` } });
  tracer.begin(exchange);
  exchange.onSend?.(exchange);
  exchange.onSend?.(exchange);
  respond(200);
  const [server, first, second] = spans as [Span, Span, Span];
  assert.deepEqual([first.parentSpanId, second.parentSpanId], [server.spanId, server.spanId]);
  assert.notEqual(first.spanId, second.spanId);
});

test("a trace that is not sampled passes as it is, and leaves no span", () => {
  const traceparent = `00-${TRACE}-${SPAN}-00`;
  const { tracer, spans, exchange, request, respond } = setUp({ headers: { traceparent }, samplingRatio: 1 });
  tracer.begin(exchange);
  assert.equal(exchange.onSend, undefined);
  respond(200);
  assert.equal(request.fields.get("traceparent"), traceparent);
  assert.equal(spans.length, 0);
});

test("a request without a trace begins one only at the ratio that is configured", () => {
  const never = setUp();
  never.tracer.begin(never.exchange);
  assert.equal(never.request.fields.get("traceparent"), undefined);
  const always = setUp({ samplingRatio: 1 });
  always.tracer.begin(always.exchange);
  assert.match(always.request.fields.get("traceparent")!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  always.respond(200);
  assert.equal(always.spans[0]!.parentSpanId, "");
  // The first random number is 0.001.
  const seldom = setUp({ samplingRatio: 0.001 });
  seldom.tracer.begin(seldom.exchange);
  assert.equal(seldom.request.fields.get("traceparent"), undefined);
});

test("a request that ends without a response has its spans all the same, as errors", () => {
  const { tracer, spans, exchange } = setUp({ headers: { traceparent: `00-${TRACE}-${SPAN}-01` } });
  tracer.begin(exchange);
  exchange.record();
  exchange.clientGone("client closed the connection");
  assert.equal(spans.length, 1);
  assert.ok(spans[0]!.isError);
});
