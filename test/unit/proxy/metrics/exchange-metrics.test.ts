import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistry } from "../../../../src/metrics/registry.ts";
import type { LiveExchange } from "../../../../src/observe/live-exchange.ts";
import { createRecorder } from "../../../../src/observe/recorder.ts";
import { createExchangeMetrics } from "../../../../src/proxy/metrics/exchange-metrics.ts";
import { createIdentityMetrics } from "../../../../src/proxy/metrics/identity-metrics.ts";
import { FakeClock } from "../../../support/clock.ts";
import { buildExchange, buildTransport } from "../../observe/build-exchange.ts";
import { outbound, setUp } from "./set-up.ts";

const INBOUND =
  'target_addr="10.0.0.2:8080",target_ip="10.0.0.2",target_port="8080",tls="true",client_id="web.demo",srv_group="",srv_kind="default",' +
  'srv_name="all-unauthenticated",srv_port="8080",route_group="",route_kind="default",route_name="default",authz_group="",authz_kind="default",' +
  'authz_name="all-unauthenticated"';

test("metrics of an inbound request carry upstream's labels", () => {
  const { clock, recorder, samples } = setUp();
  const exchange = buildExchange({ peerIdentity: "web.demo" });
  recorder.opened(exchange);
  clock.advance(7);
  exchange.status = 200;
  recorder.responded(exchange);
  assert.deepEqual(samples("request_total"), [`request_total{direction="inbound",${INBOUND}} 1`]);
  assert.deepEqual(samples("response_total"), [], "not before it ends");
  recorder.closed(exchange);
  assert.deepEqual(samples("response_total"), [
    `response_total{direction="inbound",${INBOUND},status_code="200",classification="success",grpc_status="",error=""} 1`,
  ]);
  const buckets = samples("response_latency_ms_bucket");
  assert.equal(buckets.length, 26);
  assert.match(buckets[4]!, /status_code="200",le="5"\} 0$/);
  assert.match(buckets[5]!, /status_code="200",le="10"\} 1$/);
  const tls = 'tls="true",client_id="web.demo"';
  assert.deepEqual(samples("inbound_http_authz_allow_total"), [
    `inbound_http_authz_allow_total{${INBOUND.replace(`${tls},`, "")},${tls}} 1`,
  ]);
});

test("metrics of an outbound request carry the endpoint's labels", () => {
  const { recorder, samples } = setUp();
  const exchange = buildExchange({
    direction: "outbound",
    server: "10.0.0.9:80",
    tls: "not_provided_by_service_discovery",
    peerIdentity: "",
    labels: { pod: "books-1", namespace: "demo", "zone-x": "a" },
    verdict: "",
    status: 503,
  });
  recorder.opened(exchange);
  recorder.responded(exchange);
  recorder.closed(exchange);
  const labels =
    'direction="outbound",authority="books.demo:80",target_addr="10.0.0.9:80",target_ip="10.0.0.9",target_port="80",tls="no_identity",' +
    'no_tls_reason="not_provided_by_service_discovery",dst_namespace="demo",dst_pod="books-1",dst_zone_x="a"';
  assert.deepEqual(samples("response_total"), [
    `response_total{${labels},status_code="503",classification="failure",grpc_status="",error=""} 1`,
  ]);
});

test("metrics count denials, refusals of the proxy and opaque connections in their own families", () => {
  const { recorder, samples } = setUp();
  const run = (fields: Parameters<typeof buildExchange>[0], responds = true): void => {
    const exchange = buildExchange(fields);
    recorder.opened(exchange);
    if (responds) recorder.responded(exchange);
    recorder.closed(exchange);
  };
  run({ status: 403, verdict: "denied", error: "unauthorized" });
  run({ status: 504, error: "failfast", errorCode: "BALANCER_FAILFAST", timedOut: true });
  run({ protocol: "opaque", verdict: "denied" }, false);
  run(
    {
      protocol: "opaque",
      direction: "outbound",
      server: "10.0.0.9:6379",
      error: "cannot connect",
      errorCode: "DIAL_FAILED",
      verdict: "",
    },
    false,
  );
  assert.equal(samples("inbound_http_authz_deny_total").length, 1);
  assert.doesNotMatch(
    samples("response_total").join(),
    /status_code="403"/,
    "no response of the application",
  );
  assert.equal(samples("inbound_tcp_authz_deny_total").length, 1);
  assert.deepEqual(samples("inbound_http_errors_total"), [
    'inbound_http_errors_total{error="failfast",target_addr="10.0.0.2:8080",target_ip="10.0.0.2",target_port="8080",srv_group="",' +
      'srv_kind="default",srv_name="all-unauthenticated",srv_port="8080"} 1',
  ]);
  assert.deepEqual(samples("outbound_tcp_errors_total"), [
    'outbound_tcp_errors_total{target_addr="10.0.0.9:6379",target_ip="10.0.0.9",target_port="6379",error="i/o"} 1',
  ]);
});

test("transport metrics follow open connections at each scrape", () => {
  const { clock, recorder, samples } = setUp();
  const first = buildTransport({
    direction: "outbound",
    peer: "dst",
    tls: "true",
    peerIdentity: "books.demo",
  });
  const second = buildTransport({
    direction: "outbound",
    peer: "dst",
    tls: "true",
    peerIdentity: "books.demo",
  });
  recorder.transportOpened(first);
  recorder.transportOpened(second);
  first.readBytes = 10;
  second.readBytes = 5;
  const labels = 'direction="outbound",peer="dst",tls="true",server_id="books.demo"';
  assert.deepEqual(samples("tcp_open_total"), [`tcp_open_total{${labels}} 2`]);
  assert.deepEqual(samples("tcp_open_connections"), [`tcp_open_connections{${labels}} 2`]);
  assert.deepEqual(samples("tcp_read_bytes_total"), [`tcp_read_bytes_total{${labels}} 15`]);
  first.readBytes = 100;
  first.writeBytes = 3;
  first.errno = "ECONNRESET";
  recorder.transportClosed(first);
  assert.deepEqual(samples("tcp_read_bytes_total"), [`tcp_read_bytes_total{${labels}} 105`]);
  assert.deepEqual(samples("tcp_write_bytes_total"), [`tcp_write_bytes_total{${labels}} 3`]);
  assert.deepEqual(samples("tcp_close_total"), [`tcp_close_total{${labels},errno="ECONNRESET"} 1`]);
  assert.deepEqual(samples("tcp_open_connections"), [`tcp_open_connections{${labels}} 1`]);
  clock.advance(3_600_000);
  assert.deepEqual(
    samples("tcp_open_connections"),
    [`tcp_open_connections{${labels}} 1`],
    "open however idle",
  );
});

test("TLS of the application's own is told by the name that its client asked for", () => {
  const { recorder, samples } = setUp();
  recorder.transportOpened(buildTransport({ tls: "passthru", sni: "db.example.com" }));
  assert.match(samples("tcp_open_total")[0]!, /tls="opaque",sni="db\.example\.com"/);
  const exchange = buildExchange({ protocol: "opaque", tls: "passthru", authority: "db.example.com" });
  recorder.opened(exchange);
  recorder.closed(exchange);
  assert.match(samples("inbound_tcp_authz_allow_total")[0]!, /tls="opaque",sni="db\.example\.com"/);
});

test("identity metrics say when the certificate was renewed and when it ends", () => {
  const { registry, samples, clock } = setUp();
  const identity = createIdentityMetrics(registry);
  identity.failed();
  identity.refreshed(1_000_000, 2_000_000);
  clock.advance(3_600_000);
  assert.deepEqual(samples("control_identity_cert_expiration_timestamp_seconds"), [
    "control_identity_cert_expiration_timestamp_seconds 2000",
  ]);
  assert.deepEqual(samples("control_identity_cert_refreshes_total").sort(), [
    'control_identity_cert_refreshes_total{result="error"} 1',
    'control_identity_cert_refreshes_total{result="ok"} 1',
  ]);
});

test("metrics name the limit that a request was over, and servers without a route for it", () => {
  const { recorder, samples } = setUp();
  const run = (fields: Partial<LiveExchange>): void => {
    const exchange = buildExchange(fields);
    recorder.opened(exchange);
    recorder.responded(exchange);
    recorder.closed(exchange);
  };
  const limit = {
    status: 429,
    verdict: "limited",
    authorization: "policy.meshctl.io/HTTPLocalRateLimitPolicy/gentle",
    error: "rate limited",
    errorCode: "REQUEST_RATE_LIMITED",
  } as const;
  run({ ...limit, limitScope: "total" });
  run({ ...limit, limitScope: "identity" });
  run({
    status: 404,
    verdict: "",
    route: "",
    authorization: "",
    error: "no route",
    errorCode: "ROUTE_NOT_FOUND",
  });
  assert.deepEqual(
    samples("inbound_http_local_ratelimit_total").map((line) => /ratelimit_name.*/.exec(line)?.[0]),
    [
      'ratelimit_name="gentle",ratelimit_scope="total"} 1',
      'ratelimit_name="gentle",ratelimit_scope="identity"} 1',
    ],
  );
  assert.equal(samples("inbound_http_route_not_found_total").length, 1);
  assert.deepEqual(samples("inbound_http_errors_total"), [], "all of these have families of their own");
});

test("authorities of inbound requests make series only where that was asked for", () => {
  const clock = new FakeClock();
  const registry = createRegistry({ clock });
  const metrics = createExchangeMetrics(registry, { hasInboundAuthority: true, hasHostname: true });
  const recorder = createRecorder({ clock, observers: [metrics] });
  for (const exchange of [buildExchange({ status: 200 }), outbound({ status: 200, authority: "web:80" })]) {
    recorder.opened(exchange);
    recorder.responded(exchange);
    recorder.closed(exchange);
  }
  const text = registry.render();
  assert.match(text, /^request_total\{direction="inbound",authority="books.demo:80"/m);
  assert.match(text, /^outbound_http_route_request_statuses_total\{.*hostname="web",/m);
});
