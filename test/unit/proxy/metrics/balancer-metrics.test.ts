import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistry } from "../../../../src/metrics/registry.ts";
import type { Endpoint } from "../../../../src/policy/endpoint.ts";
import { Balancer } from "../../../../src/proxy/balance/balancer.ts";
import { createBalancerMetrics } from "../../../../src/proxy/metrics/balancer-metrics.ts";
import { FakeClock } from "../../../support/clock.ts";

const WEB = { group: "core", kind: "Service", namespace: "demo", name: "web", section: "", port: 80 };

function endpoint(address: string): Endpoint {
  return {
    address,
    ip: "10.0.0.1",
    port: 80,
    weight: 1,
    labels: {},
    tls: undefined,
    protocolHint: undefined,
    opaqueTransportPort: undefined,
    authorityOverride: undefined,
  };
}

function setUp() {
  const clock = new FakeClock();
  const registry = createRegistry({ clock });
  const books = createBalancerMetrics(registry, clock);
  const balancer = new Balancer({
    name: "web",
    clock,
    random: () => 0,
    defaultRttMs: 30,
    decayMs: 10_000,
    queueCapacity: 10,
    failfastTimeoutMs: 3000,
    create: () => ({ close() {} }),
  });
  const subject = { kind: "http", parent: WEB, backend: WEB, failfastTimeoutMs: 3000 } as const;
  const remove = books.add(balancer, subject);
  const value = (name: string, label = ""): string | undefined =>
    registry
      .render()
      .split("\n")
      .find((line) => line.startsWith(`outbound_http_balancer_${name}{`) && line.includes(label))
      ?.split("} ")[1];
  return { clock, balancer, remove, value };
}

const WAITER = { acquired() {}, refused() {} };

test("balancer metrics count endpoints, requests and how long these waited", () => {
  const { clock, balancer, value } = setUp();
  balancer.acquire({ ...WAITER });
  assert.equal(value("queue_length"), "1");
  clock.advance(20);
  balancer.update(new Map([["10.0.0.1:80", endpoint("10.0.0.1:80")]]));
  balancer.acquire({ ...WAITER });
  assert.equal(value("queue_length"), "0");
  assert.equal(value("endpoints", 'endpoint_state="ready"'), "1");
  assert.equal(value("endpoints", 'endpoint_state="pending"'), "0");
  assert.equal(value("p2c_updates_total", 'op="Add"'), "1");
  assert.equal(value("queue_requests_total"), "2");
  assert.equal(value("queue_latency_seconds_bucket", 'le="0.005"'), "1", "the one that found it at once");
  assert.equal(value("queue_latency_seconds_bucket", 'le="0.05"'), "2");
  assert.equal(value("queue_latency_seconds_sum"), "0.02");
});

test("balancer metrics say since when requests are refused, and when they are taken again", () => {
  const { clock, balancer, value } = setUp();
  balancer.acquire({ ...WAITER });
  clock.advance(3000);
  clock.advance(500);
  assert.equal(value("queue_gate_shut_total"), "1");
  assert.equal(value("queue_gate_shut_time_seconds"), "0.5");
  assert.equal(value("queue_gate_open_time_seconds"), "0");
  assert.equal(value("queue_gate_timeout_seconds"), "3");
  balancer.update(new Map([["10.0.0.1:80", endpoint("10.0.0.1:80")]]));
  assert.equal(value("queue_gate_open_total"), "1");
  assert.equal(value("queue_gate_shut_time_seconds"), "0");
});

test("a balancer that is gone leaves its counts and no gauges", () => {
  const { balancer, remove, value } = setUp();
  balancer.update(new Map([["10.0.0.1:80", endpoint("10.0.0.1:80")]]));
  balancer.acquire({ ...WAITER });
  remove();
  balancer.close();
  assert.equal(value("queue_requests_total"), "1");
  assert.equal(value("endpoints"), undefined);
});
