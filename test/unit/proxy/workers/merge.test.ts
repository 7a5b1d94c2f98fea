import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistry } from "../../../../src/metrics/registry.ts";
import type { HttpStatsRow, StatsReply, TcpStatsRow } from "../../../../src/observe/stats.ts";
import { mergeMetrics } from "../../../../src/proxy/workers/merge-metrics.ts";
import { mergeStats } from "../../../../src/proxy/workers/merge-stats.ts";
import { FakeClock } from "../../../support/clock.ts";

function render(fill: (registry: ReturnType<typeof createRegistry>) => void): string {
  const registry = createRegistry({ clock: new FakeClock() });
  fill(registry);
  return registry.render();
}

test("series of one name and labels are added up, buckets of histograms too", () => {
  const worker = (requests: number, latency: number) =>
    render((registry) => {
      registry.counter("request_total", "Requests", ["path"]).add(requests, { path: 'a"} 7' });
      registry.histogram("latency", "Latency", [1, 10]).observe(latency);
      registry.gauge("tcp_open_connections", "Open").set(requests);
    });
  const text = mergeMetrics([worker(1, 5), worker(2, 50)]);
  assert.ok(text.includes('request_total{path="a\\"} 7"} 3\n'));
  assert.ok(text.includes('latency_bucket{le="1"} 0\n'));
  assert.ok(text.includes('latency_bucket{le="10"} 1\n'));
  assert.ok(text.includes('latency_bucket{le="+Inf"} 2\n'));
  assert.ok(text.includes("latency_sum 55\nlatency_count 2\n"));
  assert.ok(text.includes("tcp_open_connections 3\n"));
  assert.equal(text.match(/# TYPE request_total counter/g)?.length, 1);
  assert.ok(text.endsWith("# EOF\n"));
});

test("metrics of the process are the main thread's, those of a set are the largest", () => {
  const thread = (value: number) =>
    render((registry) => {
      registry.gauge("process_threads", "Threads").set(value);
      registry.gauge("outbound_http_balancer_endpoints", "Endpoints").set(value);
      registry.gauge("outbound_tcp_balancer_queue_gate_timeout_seconds", "Time").set(3);
    });
  const text = mergeMetrics([thread(5), thread(7)]);
  assert.ok(text.includes("process_threads 5\n"));
  assert.ok(text.includes("outbound_http_balancer_endpoints 7\n"));
  assert.ok(text.includes("outbound_tcp_balancer_queue_gate_timeout_seconds 3\n"));
});

test("a family that only one thread has is there, under its own head", () => {
  const one = render((registry) => registry.counter("one_total", "One").add(1));
  const other = render((registry) => registry.counter("other_total", "Other").add(2));
  assert.equal(
    mergeMetrics([one, other]),
    "# HELP one_total One\n# TYPE one_total counter\none_total 1\n# HELP other_total Other\n# TYPE other_total counter\nother_total 2\n# EOF\n",
  );
});

const KEY = {
  direction: "inbound",
  peer: { identity: "web", ip: "10.0.0.1", labels: { b: "2", a: "1" } },
  tls: "true",
  target: "80",
  parent: "p",
  route: "r",
  authorization: "z",
} as const;
const http: HttpStatsRow = {
  ...KEY,
  requests: 3,
  successes: 2,
  failures: 1,
  denied: 0,
  retries: 1,
  timeouts: 0,
  latency: [
    [5, 1],
    [9, 2],
  ],
};
const tcp: TcpStatsRow = { ...KEY, open: 1, opened: 2, readBytes: 10, writeBytes: 20 };

function reply(change: Partial<StatsReply>): StatsReply {
  return {
    version: 1,
    windowMs: 60_000,
    nowMs: 1,
    uptimeMs: 5,
    proxyVersion: "1",
    identity: "me",
    http: [],
    tcp: [],
    ...change,
  };
}

test("rows of one key are added up, whatever the order of their labels", () => {
  const swapped = {
    ...http,
    peer: { ...KEY.peer, labels: { a: "1", b: "2" } },
    latency: [
      [4, 1],
      [5, 1],
    ],
  } as const;
  const merged = mergeStats([reply({ http: [http], tcp: [tcp] }), reply({ http: [swapped], tcp: [tcp] })]);
  assert.equal(merged.http.length, 1);
  assert.deepEqual(merged.http[0]!.latency, [
    [4, 1],
    [5, 2],
    [9, 2],
  ]);
  assert.equal(merged.http[0]!.requests, 6);
  assert.deepEqual([merged.tcp[0]!.open, merged.tcp[0]!.opened, merged.tcp[0]!.writeBytes], [2, 4, 40]);
});

test("rows of other keys stay apart, and the window is what all cover", () => {
  const merged = mergeStats([
    reply({ http: [http], windowMs: 60_000 }),
    reply({ http: [{ ...http, target: "81" }], windowMs: 20_000, uptimeMs: 9 }),
  ]);
  assert.equal(merged.http.length, 2);
  assert.equal(merged.windowMs, 20_000);
  assert.equal(merged.uptimeMs, 9);
});
