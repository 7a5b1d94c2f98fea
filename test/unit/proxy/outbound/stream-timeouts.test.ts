import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveExchange, type Recorder } from "../../../../src/observe/live-exchange.ts";
import type { OutboundRule } from "../../../../src/policy/outbound.ts";
import type { BodySink } from "../../../../src/proxy/http/body-sink.ts";
import { type ExchangeConnection, ServerExchange } from "../../../../src/proxy/http/server-exchange.ts";
import { limitTimes } from "../../../../src/proxy/outbound/stream-timeouts.ts";
import { RequestHead, ResponseHead } from "../../../../src/wire/http1-head.ts";
import { FakeClock } from "../../../support/clock.ts";

const NONE: OutboundRule["timeouts"] = { requestMs: undefined, responseMs: undefined, idleMs: undefined };
const CHUNK = Buffer.from("x");

/** An exchange under limits, whose client's body comes when `body` is told. */
function limited(timeouts: Partial<OutboundRule["timeouts"]>, hasBody = false) {
  const clock = new FakeClock();
  const failures: string[] = [];
  let body: BodySink | undefined;
  const connection: ExchangeConnection = {
    attachBody: (_exchange, sink) => {
      body = sink;
    },
    resumeBody() {},
    sendInterim() {},
    sendHead() {},
    sendData: () => true,
    sendEnd() {},
    upgrade() {
      throw new Error("no tunnels here");
    },
    cut() {},
  };
  const recorder: Recorder = {
    wantsHeaders: false,
    opened() {},
    requestEnded() {},
    connection() {},
    retried() {},
    responded() {},
    closed() {},
    transportOpened() {},
    transportClosed() {},
  };
  const request = new RequestHead();
  if (hasBody) request.body = "chunked";
  const exchange = new ServerExchange({
    request,
    live: new LiveExchange("outbound", "http/1"),
    recorder,
    connection,
    rescue: (failed, cause) => {
      failures.push((cause as Error).message);
      failed.abort("failed");
    },
  });
  limitTimes(exchange, { ...NONE, ...timeouts }, clock);
  const server: BodySink = { data: () => true, end() {}, abort() {} };
  if (hasBody) exchange.attachBody(server);
  return { clock, exchange, failures, body: () => body! };
}

test("response timeout counts from the end of the request's body, however long that takes", () => {
  const { clock, failures, body } = limited({ responseMs: 100 }, true);
  clock.advance(1000);
  body().data(CHUNK);
  clock.advance(1000);
  body().end(undefined);
  clock.advance(99);
  assert.deepEqual(failures, []);
  clock.advance(1);
  assert.match(failures[0]!, /response timeout 100 ms/);
  assert.equal(clock.pending, 0);
});

test("response timeout counts from the response's head when that comes before the request has ended", () => {
  const { clock, exchange, body } = limited({ responseMs: 100 }, true);
  exchange.sendHead(new ResponseHead());
  clock.advance(60);
  body().end(undefined);
  clock.advance(39);
  assert.equal(exchange.state, "responding");
  clock.advance(1);
  assert.equal(exchange.state, "done");
});

test("idle timeout begins anew with each part of either body", () => {
  const { clock, exchange, failures, body } = limited({ idleMs: 100 }, true);
  for (let part = 0; part < 5; part++) {
    clock.advance(90);
    body().data(CHUNK);
  }
  clock.advance(90);
  body().end(undefined);
  clock.advance(90);
  exchange.sendHead(new ResponseHead());
  for (let part = 0; part < 5; part++) {
    clock.advance(90);
    exchange.sendData(CHUNK);
  }
  clock.advance(99);
  assert.equal(exchange.state, "responding");
  clock.advance(1);
  assert.equal(exchange.state, "done");
  assert.match(exchange.live.error, /idle timeout 100 ms/);
  assert.deepEqual(failures, []);
});

test("an exchange that is over in time leaves no timer behind", () => {
  const { clock, exchange } = limited({ requestMs: 100, responseMs: 100, idleMs: 100 });
  assert.equal(clock.pending, 3);
  exchange.sendHead(new ResponseHead());
  exchange.sendEnd(undefined);
  assert.equal(clock.pending, 0);
});

test("another attempt begins the times of response and idleness anew, not that of the request", () => {
  const { clock, exchange, failures } = limited({ requestMs: 250, responseMs: 100, idleMs: 100 });
  for (let attempt = 0; attempt < 2; attempt++) {
    clock.advance(90);
    exchange.onAttempt!();
  }
  clock.advance(69);
  assert.deepEqual(failures, []);
  clock.advance(1);
  assert.match(failures[0]!, /request timeout 250 ms/);
});

test("the time of a ServiceProfile's route is over with the response's head", () => {
  const inTime = limited({ headMs: 100 });
  inTime.clock.advance(99);
  inTime.exchange.sendHead(new ResponseHead());
  inTime.clock.advance(1000);
  assert.equal(inTime.exchange.state, "responding");
  const late = limited({ headMs: 100 });
  late.clock.advance(100);
  assert.match(late.failures[0]!, /ServiceProfile allows \(100 ms\)/);
});
