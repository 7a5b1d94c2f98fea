import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type ExportMetricsServiceRequest,
  MetricsService,
} from "../../../src/api/gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import {
  type ExportTraceServiceRequest,
  TraceService,
} from "../../../src/api/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import { type Span, Span_SpanKind } from "../../../src/api/gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { type FakeControlPlane, startFakeControlPlane } from "../../support/fake-control-plane.ts";
import { type ProxyPair, skipProxyPair, startProxyPair } from "../../support/proxy-pair.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("spans of a pair of proxies", { skip: skipProxyPair }, () => {
  let pair: ProxyPair;
  let collector: FakeControlPlane;
  const exports: ExportTraceServiceRequest[] = [];
  const metrics: ExportMetricsServiceRequest[] = [];
  const parents: (string | undefined)[] = [];

  before(async () => {
    collector = await startFakeControlPlane();
    collector.answer(TraceService.method.export, (call) => {
      exports.push(call.request);
      call.send({});
      call.end();
    });
    collector.answer(MetricsService.method.export, (call) => {
      metrics.push(call.request);
      call.send({});
      call.end();
    });
    const env = {
      TRACE_COLLECTOR_SVC_ADDR: `localhost:${collector.port}`,
      TRACE_EXTRA_ATTRIBUTES: "k8s.ns.name=demo",
      METRICS_EXPORT_INTERVAL: "1h",
    };
    pair = await startProxyPair({
      application(request, response) {
        parents.push(request.headers.traceparent as string | undefined);
        response.end("hello");
      },
      clientEnv: { ...env, TRACE_SERVICE_NAME: "client" },
      serverEnv: { ...env, TRACE_SERVICE_NAME: "server" },
    });
  });

  after(async () => {
    await pair?.stop();
    await collector?.close();
  });

  test("four spans lead from the caller to the application, and come to the collector when proxies stop at the latest", async () => {
    const ask = async (headers: Record<string, string>): Promise<void> => {
      const response = await fetch(`http://${pair.entrance}/list?a=b`, { headers });
      assert.equal(await response.text(), "hello");
    };
    await ask({ traceparent: `00-${TRACE}-${SPAN}-01` });
    await ask({ traceparent: `00-${TRACE}-${SPAN}-00` });
    await ask({});
    assert.equal(parents[1], `00-${TRACE}-${SPAN}-00`, "what is not sampled passes as it is");
    assert.equal(parents[2], undefined, "no trace is begun unless a ratio says so");
    await pair.client.stop();
    await pair.server.stop();

    const spans = new Map<string, Span>();
    for (const { resourceSpans } of exports) {
      for (const { resource, scopeSpans } of resourceSpans) {
        const attributes = new Map(
          resource!.attributes.map(({ key, value }) => [key, value!.value.value] as const),
        );
        assert.equal(attributes.get("k8s.ns.name"), "demo");
        assert.ok(attributes.has("process.pid"));
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          const kind = span.kind === Span_SpanKind.SERVER ? "server" : "client";
          spans.set(`${attributes.get("service.name")} ${kind}`, span);
        }
      }
    }
    assert.deepEqual([...spans.keys()].sort(), [
      "client client",
      "client server",
      "server client",
      "server server",
    ]);
    let parent = SPAN;
    for (const name of ["client server", "client client", "server server", "server client"]) {
      const span = spans.get(name)!;
      assert.equal(Buffer.from(span.traceId).toString("hex"), TRACE);
      assert.equal(Buffer.from(span.parentSpanId).toString("hex"), parent, `parent of ${name}`);
      assert.equal(span.name, "/list");
      assert.ok(span.endTimeUnixNano >= span.startTimeUnixNano);
      parent = Buffer.from(span.spanId).toString("hex");
    }
    assert.equal(parents[0], `00-${TRACE}-${parent}-01`, "the application continues the last span");
  });

  test("metrics come to the collector with the names and labels of /metrics", () => {
    assert.equal(metrics.length, 2, "once each, when the proxies stopped: an hour had not passed");
    const told = metrics.flatMap(({ resourceMetrics }) => resourceMetrics);
    const byService = new Map(
      told.map(({ resource, scopeMetrics }) => [
        resource!.attributes.find(({ key }) => key === "service.name")!.value!.value.value,
        new Map(scopeMetrics.flatMap((scope) => scope.metrics).map((metric) => [metric.name, metric.data])),
      ]),
    );
    const responses = byService.get("client")!.get("response_total")!;
    assert.ok(responses.case === "sum" && responses.value.isMonotonic);
    assert.equal(responses.value.dataPoints[0]!.value.value, 3);
    const labels = responses.value.dataPoints[0]!.attributes.map(({ key }) => key);
    assert.ok(labels.includes("dst_deployment") && labels.includes("status_code"));
    const latency = byService.get("server")!.get("response_latency_ms")!;
    assert.ok(latency.case === "histogram");
    const [point] = latency.value.dataPoints;
    assert.equal(point!.bucketCounts.length, point!.explicitBounds.length + 1);
    assert.equal(
      point!.bucketCounts.reduce((sum, count) => sum + count),
      3n,
    );
    assert.equal(point!.count, 3n);
    assert.equal(byService.get("server")!.get("tcp_open_connections")?.case, "gauge");
  });
});
