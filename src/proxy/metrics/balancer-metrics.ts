import type { Clock } from "../../base/clock.ts";
import type { HistogramSeries, Labels, Registry } from "../../metrics/registry.ts";
import type { ObjectRef } from "../../observe/live-exchange.ts";
import { type BalancerCounts, WAIT_BUCKETS_MS } from "../balance/balancer-counts.ts";
import { LABELS, objectLabels } from "./metric-labels.ts";

/** What metrics need of a balancer. */
export interface WatchedBalancer {
  readonly counts: BalancerCounts;
  readonly endpointCount: number;
  readonly readyCount: number;
  readonly queueLength: number;
}

export interface BalancerSubject {
  readonly kind: "http" | "tcp";
  /** Who reached the backend first: balancers are shared by all parents of it. */
  readonly parent: ObjectRef | undefined;
  readonly backend: ObjectRef;
  readonly failfastTimeoutMs: number;
}

/** Where balancers are entered while they exist. */
export interface BalancerBooks {
  /** @returns takes it out again */
  add(balancer: WatchedBalancer, subject: BalancerSubject): () => void;
}

interface Entry {
  readonly balancer: WatchedBalancer;
  readonly subject: BalancerSubject;
  readonly labels: Labels;
  /** What was added to metrics by now. */
  readonly seen: { requests: number; waits: Float64Array; waited: number; waitedMs: number };
  readonly seenUpdates: { added: number; removed: number; shut: number; opened: number };
  readonly latency: HistogramSeries;
}

/** `outbound_{http,tcp}_balancer_*`: read at each scrape, since balancers count by themselves. */
export function createBalancerMetrics(registry: Registry, clock: Clock): BalancerBooks {
  const families = { http: declare(registry, "http"), tcp: declare(registry, "tcp") };
  const entries = new Set<Entry>();

  const collect = (entry: Entry): void => {
    const family = families[entry.subject.kind];
    const { labels, seen, seenUpdates } = entry;
    const { counts } = entry.balancer;
    family.requests.add(counts.requests - seen.requests, labels);
    // Whoever finds an endpoint at once has waited for no time.
    const atOnce = counts.requests - seen.requests - (counts.waited - seen.waited);
    entry.latency.observeSorted(0, Math.max(0, atOnce), (counts.waitedMs - seen.waitedMs) / 1000);
    for (let bucket = 0; bucket < counts.waits.length; bucket++) {
      const fresh = counts.waits[bucket]! - seen.waits[bucket]!;
      if (fresh > 0) entry.latency.observeSorted(bucket, fresh, 0);
    }
    seen.requests = counts.requests;
    seen.waits.set(counts.waits);
    seen.waited = counts.waited;
    seen.waitedMs = counts.waitedMs;
    family.updates.add(counts.added - seenUpdates.added, { op: "Add", ...labels });
    family.updates.add(counts.removed - seenUpdates.removed, { op: "Remove", ...labels });
    family.gateShut.add(counts.shut - seenUpdates.shut, labels);
    family.gateOpen.add(counts.opened - seenUpdates.opened, labels);
    seenUpdates.added = counts.added;
    seenUpdates.removed = counts.removed;
    seenUpdates.shut = counts.shut;
    seenUpdates.opened = counts.opened;
  };

  const show = ({ balancer, subject, labels }: Entry, now: number): void => {
    const family = families[subject.kind];
    const { readyCount, endpointCount, queueLength, counts } = balancer;
    family.endpoints.set(readyCount, { endpoint_state: "ready", ...labels });
    family.endpoints.set(endpointCount - readyCount, { endpoint_state: "pending", ...labels });
    family.p2cEndpoints.set(readyCount, labels);
    family.queueLength.set(queueLength, labels);
    const sinceSeconds = (now - counts.gateAt) / 1000;
    family.gateOpenTime.set(counts.isShut ? 0 : sinceSeconds, labels);
    family.gateShutTime.set(counts.isShut ? sinceSeconds : 0, labels);
    family.gateTimeout.set(subject.failfastTimeoutMs / 1000, labels);
  };

  registry.onScrape(() => {
    for (const family of Object.values(families)) for (const gauge of family.gauges) gauge.clear();
    const now = clock.monotonic();
    for (const entry of entries) {
      collect(entry);
      show(entry, now);
    }
  });

  return {
    add(balancer, subject) {
      const labels = {
        ...objectLabels("parent", subject.parent),
        ...objectLabels("backend", subject.backend),
      };
      const entry: Entry = {
        balancer,
        subject,
        labels,
        seen: {
          requests: 0,
          waits: new Float64Array(balancer.counts.waits.length),
          waited: 0,
          waitedMs: 0,
        },
        seenUpdates: { added: 0, removed: 0, shut: 0, opened: 0 },
        latency: families[subject.kind].latency.with(labels),
      };
      entries.add(entry);
      return () => {
        if (entries.delete(entry)) collect(entry);
      };
    },
  };
}

function declare(registry: Registry, kind: BalancerSubject["kind"]) {
  const labels = [...LABELS.parent, ...LABELS.backend];
  const name = (rest: string) => `outbound_${kind}_balancer_${rest}`;
  const counter = (rest: string, help: string, more: readonly string[] = []) =>
    registry.counter(name(rest), help, [...more, ...labels]);
  const gauge = (rest: string, help: string, more: readonly string[] = []) =>
    registry.gauge(name(rest), help, [...more, ...labels]);
  const endpoints = gauge("endpoints", "Endpoints of a balancer", ["endpoint_state"]);
  const p2cEndpoints = gauge("p2c_endpoints", "Endpoints that a request may be given to");
  const queueLength = gauge("queue_length", "Requests that wait for an endpoint");
  const gateOpenTime = gauge(
    "queue_gate_open_time_seconds",
    "Since when requests are taken; 0 while they are not",
  );
  const gateShutTime = gauge(
    "queue_gate_shut_time_seconds",
    "Since when requests are refused; 0 while they are not",
  );
  const gateTimeout = gauge(
    "queue_gate_timeout_seconds",
    "How long there may be no endpoint before requests are refused",
  );
  return {
    endpoints,
    p2cEndpoints,
    queueLength,
    gateOpenTime,
    gateShutTime,
    gateTimeout,
    gauges: [endpoints, p2cEndpoints, queueLength, gateOpenTime, gateShutTime, gateTimeout],
    updates: counter("p2c_updates_total", "Endpoints that came and went", ["op"]),
    requests: counter("queue_requests_total", "Requests that asked for an endpoint"),
    latency: registry.histogram(
      name("queue_latency_seconds"),
      "How long requests waited for an endpoint",
      WAIT_BUCKETS_MS.map((ms) => ms / 1000),
      labels,
    ),
    gateShut: counter("queue_gate_shut_total", "Times that requests began to be refused"),
    gateOpen: counter("queue_gate_open_total", "Times that requests were taken again"),
  };
}
