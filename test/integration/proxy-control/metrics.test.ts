import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { declaredFamilies } from "../../../scripts/metrics-doc.ts";
import { type PromSeries, parsePromText } from "../../../src/wire/prom-parse.ts";
import {
  type ProxyPair,
  type RunningProxy,
  skipProxyPair,
  startProxyPair,
} from "../../support/proxy-pair.ts";

const PARENT = /^parent_(group|kind|namespace|name|port|section_name)$/;

describe("metrics of a pair of proxies", { skip: skipProxyPair }, () => {
  let pair: ProxyPair;

  before(async () => {
    pair = await startProxyPair({
      application(request, response) {
        request.resume();
        request.on("end", () => {
          response.statusCode = request.url === "/broken" ? 500 : 200;
          response.end("hello");
        });
      },
    });
    for (const path of ["/", "/broken"]) {
      const response = await fetch(`http://${pair.entrance}${path}`, { method: "POST", body: "abc" });
      await response.arrayBuffer();
    }
    await (await fetch(`http://${pair.applicationAddress}/`)).arrayBuffer();
  });

  after(() => pair?.stop());

  test("every family and label that appears is in the table of docs/metrics.md", async () => {
    const declared = new Map(declaredFamilies().map((family) => [family.name, family]));
    for (const proxy of [pair.client, pair.server]) {
      for (const { family, labels } of await scrape(proxy)) {
        const known = declared.get(family);
        assert.ok(known, `${family} is not declared`);
        for (const label of Object.keys(labels)) {
          const isDeclared: boolean =
            known.labels.includes(label) || (label.startsWith("dst_") && hasEndpoint(known));
          assert.ok(isDeclared || label === "le", `${family} has no label ${label}`);
        }
      }
    }
  });

  test("the client's proxy counts by route and backend, with the server's identity", async () => {
    const series = await scrape(pair.client);
    const responses = find(series, "response_total", { status_code: "500" });
    assert.equal(responses.length, 1);
    assert.equal(responses[0]!.labels.classification, "failure");
    assert.equal(responses[0]!.labels.dst_deployment, "web");
    assert.match(responses[0]!.labels.server_id!, /^web\.demo\./);
    const statuses = find(series, "outbound_http_route_request_statuses_total", {});
    assert.deepEqual(statuses.map(({ labels, value }) => [labels.http_status, value]).sort(), [
      ["200", 1],
      ["500", 1],
    ]);
    assert.equal(statuses[0]!.labels.parent_name, "web");
    assert.equal(Object.keys(statuses[0]!.labels).filter((name) => PARENT.test(name)).length, 6);
    const backend = find(series, "outbound_http_route_backend_requests_total", { backend_name: "web" });
    assert.equal(backend[0]?.value, 2);
    const detected = find(series, "outbound_tcp_detect_http_results_total", { result: "http/1" });
    assert.ok((detected[0]?.value ?? 0) >= 1);
    const ready = find(series, "outbound_http_balancer_endpoints", { endpoint_state: "ready" });
    assert.equal(ready[0]?.value, 1);
  });

  test("the server's proxy counts what it let in, what it refused, and what a transport header said", async () => {
    const series = await scrape(pair.server);
    assert.equal(find(series, "inbound_http_authz_allow_total", { tls: "true" })[0]?.value, 2);
    assert.equal(find(series, "inbound_http_authz_deny_total", { tls: "no_identity" })[0]?.value, 1);
    assert.deepEqual(
      find(series, "request_total", {}).map(({ labels, value }) => [labels.tls, value]),
      [["true", 2]],
      "a denied request never reached the application",
    );
    const headers = find(series, "inbound_tcp_transport_header_connections_total", {});
    assert.equal(headers[0]?.labels.target_port, "8080");
    const statuses = find(series, "inbound_http_statuses_total", {});
    assert.deepEqual(statuses.map(({ labels, value }) => [labels.status, value]).sort(), [
      ["200", 1],
      ["403", 1],
      ["500", 1],
    ]);
    const sizes = find(series, "inbound_http_request_frame_size_bytes", { le: "128" });
    assert.equal(sizes[0]?.value, 2);
  });

  test("calls to the control plane are in families of their own", async () => {
    const series = await scrape(pair.client);
    const ended = find(series, "control_response_total", { grpc_status: "0" });
    assert.equal(ended.length, 1, "the certificate; streams have not ended");
    assert.deepEqual(
      [ended[0]!.labels.tls, ended[0]!.labels.status_code, ended[0]!.labels.classification, ended[0]!.value],
      ["true", "200", "success", 1],
    );
    assert.match(ended[0]!.labels.addr!, /^127\.0\.0\.1:\d+$/);
    const requests = find(series, "control_request_total", {});
    assert.ok(requests[0]!.value > 3, "streams of profile, endpoints and policies too");
  });

  test("metrics are packed for whoever takes that", async () => {
    const response = await fetch(`http://${pair.client.ip}:4191/metrics`, {
      headers: { "accept-encoding": "gzip" },
    });
    assert.equal(response.headers.get("content-encoding"), "gzip");
    assert.match(await response.text(), /# EOF\n$/);
  });
});

function hasEndpoint(family: { readonly labels: readonly string[] }): boolean {
  return family.labels.includes("dst_*");
}

async function scrape(proxy: RunningProxy): Promise<PromSeries[]> {
  return parsePromText(await (await fetch(`http://${proxy.ip}:4191/metrics`)).text());
}

function find(
  series: readonly PromSeries[],
  family: string,
  labels: Readonly<Record<string, string>>,
): PromSeries[] {
  return series.filter(
    (one) =>
      one.family === family && Object.entries(labels).every(([name, value]) => one.labels[name] === value),
  );
}
