import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { COUNTER, CountFrame } from "../../../src/observe/count-frame.ts";
import { histogramIndex } from "../../../src/observe/histogram.ts";
import type { LiveExchange } from "../../../src/observe/live-exchange.ts";
import { createRecorder } from "../../../src/observe/recorder.ts";
import { createWindows } from "../../../src/observe/windows.ts";
import { FakeClock } from "../../support/clock.ts";
import { buildExchange, buildTransport } from "./build-exchange.ts";

function setUp(keysMax?: number) {
  const clock = new FakeClock(1_000_000);
  const windows = createWindows({
    clock,
    proxyVersion: "1.2.3",
    identity: "books.demo",
    ...(keysMax === undefined ? {} : { keysMax }),
  });
  const recorder = createRecorder({ clock, observers: [windows] });
  const run = (fields: Partial<LiveExchange> = {}): void => {
    const exchange = buildExchange({ status: 200, ...fields });
    recorder.opened(exchange);
    recorder.responded(exchange);
    recorder.closed(exchange);
  };
  return { clock, windows, recorder, run };
}

test("windows report full seconds only, with the proxy's own facts", () => {
  const { clock, windows, run } = setUp();
  run();
  assert.equal(windows.reply(60_000).http.length, 0, "the running second is not in");
  clock.advance(1000);
  run();
  const reply = windows.reply(60_000);
  assert.deepEqual(
    { ...reply, http: reply.http.length, tcp: reply.tcp.length },
    {
      version: 1,
      windowMs: 1000,
      nowMs: 1_001_000,
      uptimeMs: 1000,
      proxyVersion: "1.2.3",
      identity: "books.demo",
      http: 1,
      tcp: 0,
    },
  );
  assert.deepEqual(reply.http[0], {
    direction: "inbound",
    peer: {
      identity: "web.demo.serviceaccount.identity.meshctl.cluster.local",
      ip: "10.0.0.1",
      labels: {},
    },
    tls: "true",
    target: "8080",
    parent: "/default/all-unauthenticated",
    route: "/default/default",
    authorization: "/default/all-unauthenticated",
    requests: 1,
    successes: 1,
    failures: 0,
    denied: 0,
    retries: 0,
    timeouts: 0,
    latency: [[0, 1]],
  });
});

test("windows classify by status, gRPC status, verdict and missing responses", () => {
  const { clock, windows, recorder, run } = setUp();
  run({ status: 404 });
  run({ status: 500 });
  run({ protocol: "grpc", grpcStatus: 14 });
  run({ protocol: "grpc", grpcStatus: 5 });
  run({ status: 403, verdict: "denied" });
  run({ status: 200, attempts: 3 });
  run({ status: 504, timedOut: true });
  const cut = buildExchange({ error: "client left" });
  recorder.opened(cut);
  recorder.closed(cut);
  clock.advance(1000);
  const [row] = windows.reply(60_000).http;
  const { requests, successes, failures, denied, retries, timeouts, latency } = row!;
  assert.deepEqual(
    { requests, successes, failures, denied, retries, timeouts, latency },
    { requests: 8, successes: 3, failures: 4, denied: 1, retries: 2, timeouts: 1, latency: [[0, 7]] },
  );
});

test("windows measure latency from the request to the response's start", () => {
  const { clock, windows, recorder } = setUp();
  const exchange = buildExchange({ status: 200 });
  recorder.opened(exchange);
  clock.advance(25);
  recorder.responded(exchange);
  clock.advance(500);
  recorder.closed(exchange);
  clock.advance(1000);
  assert.deepEqual(windows.reply(60_000).http[0]!.latency, [[histogramIndex(25_000), 1]]);
});

test("windows agree with a list of all events for any window", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 600 }), fc.nat(5000), (steps, seconds, tail) => {
      const { clock, windows, run } = setUp();
      const at: number[] = [];
      for (const gap of steps) {
        clock.advance(gap);
        at.push(clock.monotonic());
        run();
      }
      clock.advance(tail);
      const reply = windows.reply(seconds * 1000);
      const end = Math.floor(clock.monotonic() / 1000) * 1000;
      const expected = at.filter((time) => time >= end - reply.windowMs && time < end).length;
      assert.equal(reply.http[0]?.requests ?? 0, expected);
      assert.ok(reply.windowMs <= seconds * 1000 && reply.windowMs <= end);
      const wanted = Math.min(seconds * 1000, end);
      assert.ok(wanted - reply.windowMs < 10_000, `${reply.windowMs} of ${wanted}`);
      if (seconds <= 60) assert.equal(reply.windowMs, wanted);
    }),
    { numRuns: 200 },
  );
});

test("windows forget what is older than ten minutes", () => {
  const { clock, windows, run } = setUp();
  run();
  clock.advance(700_000);
  assert.deepEqual(windows.reply(3_600_000).http, []);
  assert.ok(windows.reply(3_600_000).windowMs <= 600_000);
});

test("windows fold keys beyond the limit into one row and take new ones when old ones are idle", () => {
  const { clock, windows, run } = setUp(2);
  for (const ip of ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]) run({ peerIp: ip });
  run({ direction: "outbound", peerIp: "10.0.0.5" });
  clock.advance(1000);
  const seen = (): object =>
    Object.fromEntries(
      windows.reply(10_000).http.map((row) => [`${row.direction} ${row.peer.ip}`, row.requests]),
    );
  assert.deepEqual(seen(), {
    "inbound other": 2,
    "inbound 10.0.0.1": 1,
    "inbound 10.0.0.2": 1,
    "outbound 10.0.0.5": 1,
  });
  clock.advance(700_000);
  run({ peerIp: "10.0.0.9" });
  clock.advance(1000);
  assert.deepEqual(seen(), { "inbound 10.0.0.9": 1 });
});

test("windows merge rows whose labels are equal but not the same object", () => {
  const { clock, windows, run } = setUp();
  run({ direction: "outbound", labels: { pod: "a", namespace: "demo" } });
  run({ direction: "outbound", labels: { namespace: "demo", pod: "a" } });
  clock.advance(1000);
  assert.deepEqual(
    windows.reply(10_000).http.map((row) => row.requests),
    [2],
  );
});

test("windows count connections of the sides that face other pods, and sample their bytes each second", () => {
  const { clock, windows, recorder } = setUp();
  const transport = buildTransport();
  recorder.transportOpened(transport);
  recorder.transportOpened(buildTransport({ direction: "inbound", peer: "dst" }));
  recorder.transportOpened(buildTransport({ direction: "outbound", peer: "src" }));
  transport.readBytes = 100;
  clock.advance(1000);
  transport.readBytes = 300;
  transport.writeBytes = 50;
  clock.advance(1000);
  const figures = (ms: number): object[] =>
    windows
      .reply(ms)
      .tcp.map(({ open, opened, readBytes, writeBytes }) => ({ open, opened, readBytes, writeBytes }));
  assert.deepEqual(figures(60_000), [{ open: 1, opened: 1, readBytes: 100, writeBytes: 0 }]);
  clock.advance(1000);
  assert.deepEqual(figures(60_000), [{ open: 1, opened: 1, readBytes: 300, writeBytes: 50 }]);
  recorder.transportClosed(transport);
  clock.advance(120_000);
  assert.deepEqual(figures(60_000), [], "closed long ago");
  assert.deepEqual(figures(600_000), [{ open: 0, opened: 1, readBytes: 300, writeBytes: 50 }]);
});

test("windows stop ticking when no connection is open", () => {
  const { clock, recorder } = setUp();
  const transport = buildTransport();
  recorder.transportOpened(transport);
  clock.advance(3000);
  assert.equal(clock.pending, 1);
  recorder.transportClosed(transport);
  clock.advance(1000);
  assert.equal(clock.pending, 0);
});

test("count frame agrees with a map for any additions", () => {
  const additions = fc.array(fc.tuple(fc.nat(1025), fc.nat(472), fc.integer({ min: 1, max: 9 })), {
    maxLength: 400,
  });
  fc.assert(
    fc.property(additions, (list) => {
      const frame = new CountFrame(8192);
      frame.restart(1);
      const model = new Map<string, number>();
      for (const [row, column, count] of list) {
        frame.add(row, column, count);
        model.set(`${row} ${column}`, (model.get(`${row} ${column}`) ?? 0) + count);
      }
      const read = new Map<string, number>();
      frame.forEach((row, column, count) => {
        read.set(`${row} ${column}`, count);
      });
      assert.deepEqual(new Map([...read].sort()), new Map([...model].sort()));
      assert.equal(frame.dropped, 0);
    }),
  );
});

test("count frame that may not grow coarsens latency, and counts what it must drop", () => {
  const frame = new CountFrame(64);
  frame.restart(1);
  let added = 0;
  for (let row = 0; row < 6; row++) {
    for (let bucket = 32; bucket < 48; bucket++, added++) frame.add(row, bucket, 1);
  }
  let kept = 0;
  const columns = new Set<number>();
  frame.forEach((row, column, count) => {
    kept += count;
    if (row === 5) columns.add(column);
  });
  assert.equal(kept + frame.dropped, added);
  assert.deepEqual([...columns], [40], "the last row's times fall in the bucket of their power of two");
  frame.add(5, COUNTER.requests, 16);
  frame.restart(2);
  assert.equal(frame.dropped, 0);
  frame.forEach(() => {
    assert.fail("empty");
  });
});
