import type { Logger } from "../base/log.ts";
import type { Credentials } from "../identity/credentials.ts";
import type { Registry } from "../metrics/registry.ts";
import type { ObserverSet } from "../observe/observer-set.ts";
import type { AdminSources } from "./admin/admin-sources.ts";
import type { ControlAddress, ProxyConfig } from "./config.ts";
import type { GrpcClient } from "./control/grpc-client.ts";
import type { ControlClient } from "./metrics/control-metrics.ts";
import type { ProxyIo } from "./proxy-io.ts";
import type { ObservingWorkers } from "./tap/observe-workers.ts";

/** Parts of a proxy that are loaded only where the configuration asks for them. */

/** What such a part needs of the others. */
export interface PartsContext {
  readonly config: ProxyConfig;
  readonly io: ProxyIo;
  readonly log: Logger;
  /** A client of a service that is reached like the control plane. */
  readonly clientOf: (address: ControlAddress, name: ControlClient) => GrpcClient;
}

/** Tap in Linkerd's protocol. @param source what passes through this thread, or through workers */
export async function startTap(
  { config, io, log }: Omit<PartsContext, "clientOf">,
  source: { readonly guests: ObserverSet } | { readonly workers: ObservingWorkers },
  credentials: Credentials,
) {
  const { tap } = config.observe;
  if (!tap) return undefined;
  const { startTapServer } = await import("./tap/tap-server.ts");
  const observe =
    "guests" in source
      ? (await import("./tap/observe-here.ts")).observeHere(source.guests)
      : (await import("./tap/observe-workers.ts")).observeWorkers(source.workers);
  return startTapServer({ ...tap, credentials, observe, clock: io.clock, log });
}

/** Spans to a collector. */
export async function beginTracing(
  { config, io, log, clientOf }: PartsContext,
  guests: ObserverSet,
  registry: Registry,
) {
  const { tracing } = config.observe;
  if (!tracing) return undefined;
  const { startTracing } = await import("./tracing/start-tracing.ts");
  const { createSpanMetrics } = await import("./metrics/span-metrics.ts");
  const running = await startTracing({
    config: tracing,
    client: clientOf(tracing.collector, "opentelemetry"),
    metrics: createSpanMetrics(registry),
    clock: io.clock,
    random: io.random,
    log,
  });
  guests.add(running.tracer);
  return running;
}

/** Metrics to a collector: of the pod, whoever counts them. */
export async function beginMetricsExport(
  { config, io, log, clientOf }: PartsContext,
  sources: Pick<AdminSources, "readMetrics">,
) {
  const { tracing } = config.observe;
  if (tracing?.metricsIntervalMs === undefined) return undefined;
  const { exportMetrics } = await import("./tracing/export-metrics.ts");
  const { readResource } = await import("./tracing/read-resource.ts");
  return exportMetrics({
    intervalMs: tracing.metricsIntervalMs,
    resource: await readResource(tracing, io.clock, log),
    client: clientOf(tracing.collector, "opentelemetry"),
    read: () => sources.readMetrics(),
    clock: io.clock,
    log,
  });
}
