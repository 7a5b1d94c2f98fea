import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistry } from "../../../../src/metrics/registry.ts";
import { createSpanMetrics } from "../../../../src/proxy/metrics/span-metrics.ts";
import type { Span } from "../../../../src/proxy/tracing/span.ts";
import { SpanExporter } from "../../../../src/proxy/tracing/span-exporter.ts";
import { resourceAttributes } from "../../../../src/proxy/tracing/trace-resource.ts";
import { FakeClock } from "../../../support/clock.ts";

const SPAN: Span = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  parentSpanId: "",
  kind: "server",
  name: "/",
  startMs: 0,
  endMs: 1,
  attributes: [],
  isError: false,
};

function setUp() {
  const clock = new FakeClock();
  const registry = createRegistry({ clock });
  const sends: { readonly spans: readonly Span[]; readonly settle: PromiseWithResolvers<void> }[] = [];
  const failures: number[] = [];
  const exporter = new SpanExporter({
    clock,
    metrics: createSpanMetrics(registry),
    send(spans) {
      const settle = Promise.withResolvers<void>();
      sends.push({ spans, settle });
      return settle.promise;
    },
    onFailure: (_error, spans) => failures.push(spans),
  });
  const add = (count: number): void => {
    for (let index = 0; index < count; index++) exporter.add(SPAN);
  };
  const value = (line: string): number =>
    Number(
      registry
        .render()
        .split("\n")
        .find((each) => each.startsWith(line))
        ?.split(" ")
        .pop() ?? 0,
    );
  return { clock, sends, failures, exporter, add, value };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("spans wait for ten seconds, or for a thousand", () => {
  const { clock, sends, add } = setUp();
  add(3);
  clock.advance(9999);
  assert.equal(sends.length, 0);
  clock.advance(1);
  assert.equal(sends[0]?.spans.length, 3);
  const full = setUp();
  full.add(1000);
  assert.equal(full.sends[0]?.spans.length, 1000);
});

test("while a batch is on its way the next one and a hundred more wait; what comes then is dropped and counted", async () => {
  const { sends, add, value, clock } = setUp();
  add(1000);
  add(1105);
  assert.equal(sends.length, 1);
  assert.equal(value('opentelemetry_span_drops_total{reason="overflow"}'), 5);
  sends[0]!.settle.resolve();
  await settled();
  assert.equal(sends[1]?.spans.length, 1000);
  sends[1]!.settle.resolve();
  await settled();
  clock.advance(10_000);
  assert.equal(sends[2]?.spans.length, 100);
  assert.equal(value("opentelemetry_span_exports"), 2000);
});

test("spans that the collector does not take are gone, counted, and told of", async () => {
  const { sends, add, failures, value } = setUp();
  add(1000);
  sends[0]!.settle.reject(new Error("away"));
  await settled();
  assert.deepEqual(failures, [1000]);
  assert.equal(value('opentelemetry_span_drops_total{reason="failed"}'), 1000);
  assert.equal(sends.length, 1, "nothing is sent twice");
});

test("an exporter that closes sends what is left", async () => {
  const { sends, add, exporter } = setUp();
  add(2);
  const closed = exporter.close();
  assert.equal(sends[0]?.spans.length, 2);
  sends[0]!.settle.resolve();
  await closed;
});

test("of a resource's attributes the later source counts, and quotes are not part of values", () => {
  const attributes = resourceAttributes({
    serviceName: "",
    labelsFile: 'app="web"\nteam="books"\nno pair\n',
    extraAttributes: "team=shop\nk8s.pod.name=web-1",
    otelAttributes: "k8s.pod.name=web-2, service.name=web",
    hostName: "web-1",
    pid: 7,
    startedAt: 1000,
  });
  assert.deepEqual(Object.fromEntries(attributes), {
    "process.pid": 7,
    "process.start_timestamp": 1000,
    "host.name": "web-1",
    "service.name": "web",
    app: "web",
    team: "shop",
    "k8s.pod.name": "web-2",
  });
});
