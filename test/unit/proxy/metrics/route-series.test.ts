import assert from "node:assert/strict";
import { test } from "node:test";
import type { LiveExchange } from "../../../../src/observe/live-exchange.ts";
import { buildExchange } from "../../observe/build-exchange.ts";
import { BACKEND, outbound, PARENT_AND_ROUTE, ROUTE, ref, setUp, TO_BACKEND } from "./set-up.ts";

test("metrics of outbound routes time the whole exchange, and the backend from the end of the request", () => {
  const { clock, recorder, samples } = setUp();
  const exchange = outbound();
  recorder.opened(exchange);
  clock.advance(100);
  exchange.countRequest(64);
  exchange.countRequest(2000);
  exchange.queued = clock.monotonic();
  recorder.requestEnded(exchange);
  clock.advance(40);
  exchange.status = 200;
  recorder.responded(exchange);
  exchange.countResponse(20_000);
  recorder.closed(exchange);
  assert.deepEqual(samples("outbound_http_route_request_statuses_total"), [
    `outbound_http_route_request_statuses_total{${PARENT_AND_ROUTE},hostname="",http_status="200",error=""} 1`,
  ]);
  assert.deepEqual(samples("outbound_http_route_request_duration_seconds_sum"), [
    `outbound_http_route_request_duration_seconds_sum{${PARENT_AND_ROUTE},hostname=""} 0.14`,
  ]);
  assert.deepEqual(samples("outbound_http_route_backend_requests_total"), [
    `outbound_http_route_backend_requests_total{${PARENT_AND_ROUTE},${TO_BACKEND}} 1`,
  ]);
  assert.deepEqual(samples("outbound_http_route_backend_response_duration_seconds_sum"), [
    `outbound_http_route_backend_response_duration_seconds_sum{${PARENT_AND_ROUTE},${TO_BACKEND}} 0.04`,
  ]);
  assert.deepEqual(
    samples("outbound_http_route_request_frame_size_bytes_bucket").map((line) =>
      line.slice(line.indexOf("le=")),
    ),
    ['le="128"} 1', 'le="1024"} 1', 'le="10240"} 2', 'le="+Inf"} 2'],
  );
  assert.deepEqual(samples("outbound_http_route_backend_response_frame_size_bytes_sum"), [
    `outbound_http_route_backend_response_frame_size_bytes_sum{${PARENT_AND_ROUTE},${TO_BACKEND}} 20000`,
  ]);
});

test("metrics of outbound routes say why the proxy answered itself, and what retries came to", () => {
  const { recorder, samples } = setUp();
  const run = (fields: Partial<LiveExchange>): void => {
    const exchange = outbound(fields);
    recorder.opened(exchange);
    recorder.responded(exchange);
    recorder.closed(exchange);
  };
  run({ status: 504, error: "failfast", errorCode: "BALANCER_FAILFAST", isLocalAnswer: true });
  run({ status: 200, attempts: 3, retryOutcome: "success" });
  run({ status: 503, attempts: 2, retryOutcome: "limit" });
  run({ status: 503, retryOutcome: "overflow" });
  const labels = `${PARENT_AND_ROUTE},hostname=""`;
  assert.deepEqual(samples("outbound_http_route_request_statuses_total"), [
    `outbound_http_route_request_statuses_total{${labels},http_status="",error="FAIL_FAST"} 1`,
    `outbound_http_route_request_statuses_total{${labels},http_status="200",error=""} 1`,
    `outbound_http_route_request_statuses_total{${labels},http_status="503",error=""} 2`,
  ]);
  const retries = ["requests", "successes", "limit_exceeded", "overflow"].map(
    (what) => samples(`outbound_http_route_retry_${what}_total`)[0]?.split("} ")[1],
  );
  assert.deepEqual(retries, ["3", "1", "1", "1"]);
});

test("an attempt that is thrown away counts for the backend that it went to, and not as a request", () => {
  const { recorder, samples } = setUp();
  const other = { ...BACKEND, name: "web-v1" };
  const exchange = outbound({ backendRef: other, attempts: 2, status: 200, retryOutcome: "success" });
  recorder.opened(exchange);
  recorder.retried(exchange, { status: 503, grpcStatus: -1, errorCode: "" });
  exchange.backendRef = BACKEND;
  recorder.responded(exchange);
  recorder.closed(exchange);
  const told = samples("outbound_http_route_backend_response_statuses_total").map((line) =>
    /backend_name="([^"]*)".*http_status="(\d*)"/.exec(line)?.slice(1),
  );
  assert.deepEqual(told, [
    ["web-v1", "503"],
    ["web-v2", "200"],
  ]);
  assert.match(
    samples("outbound_http_route_request_statuses_total").join(),
    /http_status="200",error=""\} 1$/,
  );
});

test("routes of ServiceProfiles count requests, and attempts of their own", () => {
  const { recorder, samples } = setUp();
  const exchange = outbound({
    routeRef: ref("meshctl.io", "ServiceProfile", "GET /list"),
    canonicalName: "web.demo.svc.cluster.local:80",
    attempts: 2,
    status: 503,
    retryOutcome: "budget",
  });
  recorder.opened(exchange);
  recorder.retried(exchange, { status: 500, grpcStatus: -1, errorCode: "" });
  recorder.responded(exchange);
  recorder.closed(exchange);
  const labels = 'direction="outbound",dst="web.demo.svc.cluster.local:80",rt_route="GET /list"';
  const failed = 'classification="failure",grpc_status="",error=""';
  assert.deepEqual(samples("route_request_total"), [`route_request_total{${labels}} 1`]);
  assert.deepEqual(samples("route_response_total"), [
    `route_response_total{${labels},status_code="503",${failed}} 1`,
  ]);
  assert.deepEqual(samples("route_actual_request_total"), [`route_actual_request_total{${labels}} 2`]);
  assert.deepEqual(samples("route_actual_response_total"), [
    `route_actual_response_total{${labels},status_code="500",${failed}} 1`,
    `route_actual_response_total{${labels},status_code="503",${failed}} 1`,
  ]);
  assert.deepEqual(samples("route_retryable_total"), [
    `route_retryable_total{${labels},skipped="no_budget"} 1`,
  ]);
  assert.equal(samples("route_response_latency_ms_count").length, 1);
});

test("a ServiceProfile says what a failure is, and what none of its routes takes has no route", () => {
  const { recorder, samples } = setUp();
  const run = (fields: Partial<LiveExchange>): void => {
    const exchange = outbound({ canonicalName: "web.demo.svc.cluster.local:80", ...fields });
    recorder.opened(exchange);
    recorder.responded(exchange);
    recorder.closed(exchange);
  };
  const routeRef = ref("meshctl.io", "ServiceProfile", "GET /list");
  run({ routeRef, status: 404, isFailure: (status) => status === 404 });
  run({ routeRef, status: 500, isFailure: (status) => status === 404 });
  run({ routeRef: ref("", "default", "default"), status: 200 });
  const told = samples("route_response_total").map((line) => [
    /rt_route="([^"]*)"/.exec(line)?.[1],
    /classification="(\w+)"/.exec(line)?.[1],
  ]);
  assert.deepEqual(told, [
    ["GET /list", "failure"],
    ["GET /list", "success"],
    [undefined, "success"],
  ]);
});

test("metrics of gRPC routes carry the names of gRPC's statuses; a call without one is UNKNOWN", () => {
  const { recorder, samples } = setUp();
  for (const grpcStatus of [0, 14, -1]) {
    const exchange = outbound({ protocol: "grpc", isGrpcRoute: true, status: 200, grpcStatus });
    recorder.opened(exchange);
    recorder.responded(exchange);
    recorder.closed(exchange);
  }
  assert.deepEqual(
    samples("outbound_grpc_route_request_statuses_total").map(
      (line) => /grpc_status="(\w*)",error=""/.exec(line)?.[1],
    ),
    ["OK", "UNAVAILABLE", "UNKNOWN"],
  );
});

test("metrics of inbound routes count by server, port and route", () => {
  const { recorder, samples } = setUp();
  const exchange = buildExchange({
    status: 200,
    parentRef: ref("policy.meshctl.io", "Server", "web"),
    routeRef: ref("", "default", "default"),
  });
  recorder.opened(exchange);
  recorder.responded(exchange);
  recorder.closed(exchange);
  const labels =
    'parent_group="policy.meshctl.io",parent_kind="Server",parent_name="web",parent_port="8080",route_group="",route_kind="default",route_name="default"';
  assert.deepEqual(samples("inbound_http_requests_total"), [`inbound_http_requests_total{${labels}} 1`]);
  assert.deepEqual(samples("inbound_http_statuses_total"), [
    `inbound_http_statuses_total{${labels},status="200"} 1`,
  ]);
  assert.deepEqual(samples("inbound_http_request_duration_seconds_count"), [
    `inbound_http_request_duration_seconds_count{${labels}} 1`,
  ]);
});

test("metrics of connections that are forwarded unread count by route, with why they ended", () => {
  const { recorder, samples } = setUp();
  const run = (fields: Partial<LiveExchange>): void => {
    const exchange = outbound({ protocol: "opaque", target: "db.demo.svc.cluster.local:5432", ...fields });
    recorder.opened(exchange);
    recorder.closed(exchange);
  };
  run({});
  run({ error: "refused", errorCode: "OUTBOUND_FORBIDDEN" });
  run({ protocol: "tls", authority: "db.example.com" });
  const target = 'target_ip="db.demo.svc.cluster.local",target_port="5432"';
  assert.deepEqual(samples("outbound_tcp_route_open_total"), [
    `outbound_tcp_route_open_total{${PARENT_AND_ROUTE},${target}} 2`,
  ]);
  assert.deepEqual(samples("outbound_tcp_route_close_total"), [
    `outbound_tcp_route_close_total{${PARENT_AND_ROUTE},${target},error=""} 1`,
    `outbound_tcp_route_close_total{${PARENT_AND_ROUTE},${target},error="forbidden"} 1`,
  ]);
  assert.match(samples("outbound_tls_route_close_total")[0]!, /hostname="db.example.com",error=""\} 1$/);
});

test("exchanges that look alike count in one series although their objects were renewed", () => {
  const { recorder, samples } = setUp();
  for (const routeRef of [ROUTE, { ...ROUTE }, ROUTE]) {
    const exchange = outbound({ status: 200, routeRef });
    recorder.opened(exchange);
    recorder.responded(exchange);
    recorder.closed(exchange);
  }
  assert.match(samples("outbound_http_route_request_statuses_total").join("\n"), /^[^\n]*\} 3$/);
  assert.match(samples("response_total").join("\n"), /^[^\n]*\} 3$/);
});
