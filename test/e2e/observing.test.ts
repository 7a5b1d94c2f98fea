import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { declaredFamilies } from "../../scripts/metrics-doc.ts";
import { ObserveRequestSchema, TapEventSchema } from "../../src/api/gen/io/linkerd/proxy/tap_pb.js";
import { TraceService } from "../../src/api/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import { meshClientOptions } from "../../src/identity/mesh-tls.ts";
import { type PromSeries, parsePromText } from "../../src/wire/prom-parse.ts";
import { type FakeControlPlane, startFakeControlPlane } from "../support/fake-control-plane.ts";
import { freePort } from "../support/free-port.ts";
import { type ProxyPair, SERVER_IDENTITY, skipProxyPair, startProxyPair } from "../support/proxy-pair.ts";
import { openRawGrpc } from "../support/raw-grpc.ts";
import { BUILT_ENTRY } from "../support/run-process.ts";

const VIEWER = "tap.viz.serviceaccount.identity.meshctl.cluster.local";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const skip = skipProxyPair || (existsSync(BUILT_ENTRY) ? false : "needs a build: npm run build");

/** Families that one request through both proxies moves, on either side. */
const MOVED = {
  client: [
    "request_total",
    "response_total",
    "response_latency_ms",
    "outbound_http_route_request_statuses_total",
    "outbound_http_route_request_duration_seconds",
    "outbound_http_route_backend_requests_total",
    "outbound_http_route_backend_response_statuses_total",
    "outbound_http_balancer_endpoints",
    "outbound_tcp_protocol_connections_total",
    "outbound_tcp_detect_http_results_total",
    "tcp_open_total",
    "tcp_read_bytes_total",
    "control_request_total",
    "control_identity_cert_refreshes_total",
    "process_open_fds",
  ],
  server: [
    "request_total",
    "response_total",
    "inbound_http_authz_allow_total",
    "inbound_http_requests_total",
    "inbound_http_statuses_total",
    "inbound_tcp_transport_header_connections_total",
    "tcp_open_connections",
  ],
} as const;

describe("what two proxy processes tell", { skip }, () => {
  let pair: ProxyPair;
  let collector: FakeControlPlane;
  let tapPort = 0;
  let spans = 0;

  before(async () => {
    collector = await startFakeControlPlane();
    collector.answer(TraceService.method.export, (call) => {
      for (const { scopeSpans } of call.request.resourceSpans) spans += scopeSpans[0]!.spans.length;
      call.send({});
      call.end();
    });
    tapPort = await freePort("127.0.0.1");
    const tracing = { TRACE_COLLECTOR_SVC_ADDR: `localhost:${collector.port}` };
    pair = await startProxyPair({
      built: true,
      application: (_request, response) => void response.end("hello"),
      clientEnv: tracing,
      serverEnv: { ...tracing, TAP_SVC_NAME: VIEWER, CONTROL_LISTEN_ADDR: `127.0.0.1:${tapPort}` },
    });
  });

  after(async () => {
    await pair?.stop();
    await collector?.close();
  });

  async function ask(): Promise<void> {
    const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
    const response = await fetch(`http://${pair.entrance}/`, { headers: { traceparent } });
    assert.equal(await response.text(), "hello");
  }

  async function scrape(side: "client" | "server"): Promise<PromSeries[]> {
    return parsePromText(await (await fetch(`http://${pair[side].ip}:4191/metrics`)).text());
  }

  test("families and labels are those of docs/metrics.md, and a request moves what it should", async () => {
    await ask();
    const declared = new Map(declaredFamilies().map((family) => [family.name, family]));
    for (const side of ["client", "server"] as const) {
      const series = await scrape(side);
      for (const { family, labels } of series) {
        const known = declared.get(family);
        assert.ok(known, `${family} is not declared`);
        for (const label of Object.keys(labels)) {
          const name = label.startsWith("dst_") ? "dst_*" : label;
          assert.ok(name === "le" || known.labels.includes(name), `${family} has no label ${label}`);
        }
      }
      for (const family of MOVED[side]) {
        assert.ok(
          series.some((one) => one.family === family && one.value > 0),
          `${side}: ${family} has not moved`,
        );
      }
    }
  });

  test("tap on its own port shows the request to the viewer", async () => {
    const credentials = await pair.ca.credentials(VIEWER);
    const options = meshClientOptions(credentials, {
      serverName: SERVER_IDENTITY,
      expectIdentity: SERVER_IDENTITY,
    });
    const grpc = await openRawGrpc(tapPort, options);
    const call = grpc.call("/io.linkerd.proxy.tap.Tap/Observe", ObserveRequestSchema, TapEventSchema, {
      limit: 1,
      match: { match: { case: "all", value: { matches: [] } } },
    });
    const seen = call.until(1);
    let isSeen = false;
    void seen.then(() => {
      isSeen = true;
    });
    while (!isSeen) await ask();
    assert.equal((await call.ended).status, "0");
    grpc.close();
  });

  test("spans come to the collector, the last ones when the proxies end", async () => {
    assert.deepEqual(await Promise.all([pair.client.stop(), pair.server.stop()]), [0, 0]);
    assert.ok(spans >= 4, `${spans} spans`);
  });
});
