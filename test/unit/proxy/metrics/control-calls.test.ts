import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../../src/base/error.ts";
import { createRegistry } from "../../../../src/metrics/registry.ts";
import { createControlMetrics } from "../../../../src/proxy/metrics/control-metrics.ts";
import { parsePromText } from "../../../../src/wire/prom-parse.ts";
import { FakeClock } from "../../../support/clock.ts";

function setUp() {
  const clock = new FakeClock();
  const registry = createRegistry({ clock });
  const metrics = createControlMetrics(registry, clock);
  const series = (family: string) => parsePromText(registry.render()).filter((one) => one.family === family);
  return { clock, metrics, series };
}

test("calls count when they begin, when their response begins, and when they end", () => {
  const { clock, metrics, series } = setUp();
  const calls = metrics.calls({ host: "meshctl-dst.meshctl", port: 8086, name: "controller" });
  const call = calls.begin();
  clock.advance(7);
  call.responded(200);
  assert.equal(series("control_response_total").length, 0, "a stream may last for hours");
  call.ended(14);
  calls.begin().ended(-1);
  const labels = { addr: "meshctl-dst.meshctl:8086", tls: "true", server_id: "controller" };
  assert.deepEqual(
    series("control_request_total").map((one) => [one.labels, one.value]),
    [[labels, 2]],
  );
  const [latency] = series("control_response_latency_ms").filter(({ suffix }) => suffix === "_sum");
  assert.equal(latency?.value, 7);
  assert.deepEqual(
    series("control_response_total").map((one) => one.labels),
    [
      { ...labels, status_code: "200", classification: "failure", grpc_status: "14", error: "" },
      { ...labels, status_code: "", classification: "failure", grpc_status: "", error: "unclassified" },
    ],
  );
});

test("a controller on this host has no identity to be counted by", () => {
  const { metrics, series } = setUp();
  metrics.calls({ host: "127.0.0.1", port: 8086, name: undefined }).begin();
  assert.equal(series("control_request_total")[0]?.labels.no_tls_reason, "loopback");
});

test("names that are looked up count by client and result", async () => {
  const { metrics, series } = setUp();
  const answers: (() => Promise<string[]>)[] = [
    async () => ["10.0.0.1"],
    () => Promise.reject(new MeshError({ kind: "environment", code: "DNS_NOT_FOUND", message: "none" })),
    () => Promise.reject(new Error("no answer")),
  ];
  const resolver = metrics.resolver("policy", { resolve: () => answers.shift()!() });
  assert.deepEqual(await resolver.resolve("policy"), ["10.0.0.1"]);
  await assert.rejects(resolver.resolve("policy"));
  await assert.rejects(resolver.resolve("policy"));
  assert.deepEqual(
    series("control_dns_resolutions_total").map(({ labels }) => [labels.client, labels.result]),
    [
      ["policy", "ok"],
      ["policy", "not_found"],
      ["policy", "error"],
    ],
  );
});
