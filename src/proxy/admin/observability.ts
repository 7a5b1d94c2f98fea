import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { registerProcessMetrics } from "../../metrics/process-metrics.ts";
import { readProcess } from "../../metrics/read-process.ts";
import { createRegistry, type Registry } from "../../metrics/registry.ts";
import { createAccessLog } from "../../observe/access-log.ts";
import type { Recorder } from "../../observe/live-exchange.ts";
import { createObserverSet, type ObserverSet } from "../../observe/observer-set.ts";
import { createRecorder, type Observer } from "../../observe/recorder.ts";
import { createRecordRing, type RecordRing } from "../../observe/ring.ts";
import { createTapHub, type TapHub } from "../../observe/tap-hub.ts";
import { createWindows, type Windows } from "../../observe/windows.ts";
import { type BalancerBooks, createBalancerMetrics } from "../metrics/balancer-metrics.ts";
import { createConnectionMetrics } from "../metrics/connection-metrics.ts";
import { createExchangeMetrics } from "../metrics/exchange-metrics.ts";
import { createTransportMetrics } from "../metrics/transport-metrics.ts";
import { type AdminSources, readRing } from "./admin-sources.ts";

export interface ObservabilityOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** The proxy's own mesh identity. */
  readonly identity: string;
  /** Series that nothing touched for so long are dropped, ms; 0: never. Default 10 minutes. */
  readonly retainIdleMs?: number;
  /** Whether inbound series have the authority that clients write. Default false. */
  readonly hasInboundAuthority?: boolean;
  /** Whether series of outbound routes have the hostname that clients write. Default false. */
  readonly hasHostname?: boolean;
  readonly accessLog: "off" | "apache" | "json";
  /** Where the access log goes (standard error), one line a call. */
  readonly writeAccessLog: (line: string) => void;
}

/** Everything that watches the proxy's traffic, and the one recorder that tells it. */
export interface Observability extends AdminSources {
  readonly recorder: Recorder;
  readonly ring: RecordRing;
  readonly windows: Windows;
  readonly tap: TapHub;
  /** Observers that are loaded when the configuration asks for them: tap in Linkerd's protocol, spans. */
  readonly guests: ObserverSet;
  /** For families of other parts: `control_identity_cert_*`, balancers, the control client. */
  readonly registry: Registry;
  readonly balancers: BalancerBooks;
  readonly version: string;
  readonly identity: string;
}

/**
 * The one list of observers. An exchange passes them in this order at each transition: the ring first, so that a record
 * exists whatever comes after.
 */
export function createObservability(options: ObservabilityOptions): Observability {
  const { clock, log, version, identity } = options;
  const registry = createRegistry({
    clock,
    ...(options.retainIdleMs === undefined ? {} : { retainIdleMs: options.retainIdleMs }),
  });
  registerProcessMetrics(registry, { clock, version, read: readProcess });
  const violations = registry.counter("record_violations_total", "Transitions of records in a wrong order", [
    "code",
  ]);

  const ring = createRecordRing({ clock });
  const windows = createWindows({ clock, proxyVersion: version, identity });
  const tap = createTapHub(clock);
  const exchanges = createExchangeMetrics(registry, {
    hasInboundAuthority: options.hasInboundAuthority ?? false,
    hasHostname: options.hasHostname ?? false,
  });
  const guests = createObserverSet();
  const observers: Observer[] = [
    ring,
    windows,
    exchanges,
    createTransportMetrics(registry),
    createConnectionMetrics(registry),
    tap,
    guests,
  ];
  const { accessLog } = options;
  if (accessLog !== "off")
    observers.push(createAccessLog({ format: accessLog, write: options.writeAccessLog }));

  const recorder = createRecorder({
    clock,
    observers,
    wantsHeaders: () => accessLog !== "off" || tap.wantsHeaders || guests.wantsHeaders,
    onViolation: (error) => {
      violations.add(1, { code: error.code });
      log.error(error.message, { code: error.code });
    },
  });
  const balancers = createBalancerMetrics(registry, clock);
  return {
    recorder,
    ring,
    windows,
    tap,
    guests,
    registry,
    balancers,
    version,
    identity,
    readMetrics: () => registry.renderInTurns(setImmediate),
    readStats: (windowMs) => windows.reply(windowMs),
    readRecords: (query) => readRing(ring, query),
  };
}
