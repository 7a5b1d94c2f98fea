import { joinHostPort } from "../../base/ip.ts";
import { VERSION } from "../../base/version.ts";
import { registerProcessMetrics } from "../../metrics/process-metrics.ts";
import { readProcess } from "../../metrics/read-process.ts";
import { createRegistry } from "../../metrics/registry.ts";
import type { ServerPolicy } from "../../policy/inbound.ts";
import { createAdminServer } from "../admin/server.ts";
import type { ProxyConfig } from "../config.ts";
import { describeConfig } from "../config-describe.ts";
import { type Environment, ownVariables } from "../config-env.ts";
import { createHostResolver } from "../control/resolve-host.ts";
import { certify, createControl } from "../control-clients.ts";
import type { Watched } from "../dependencies.ts";
import { type ControlClient, createControlMetrics } from "../metrics/control-metrics.ts";
import { beginMetricsExport, startTap } from "../optional-parts.ts";
import type { ProxyIo } from "../proxy-io.ts";
import type { AdjustableLog } from "../proxy-log.ts";
import { WorkerPool } from "./worker-pool.ts";

export interface SuperviseOptions {
  readonly env: Environment;
  readonly config: ProxyConfig;
  readonly log: AdjustableLog;
  readonly io: ProxyIo;
  readonly signal: AbortSignal;
  /** Workers, at least two. */
  readonly count: number;
}

/**
 * A proxy with several workers, from its main thread: it gets certificates and hands them on, answers the admin port for all of
 * them, and carries no traffic itself.
 *
 *     main thread                         workers, each with its own stacks, pools and streams to the control plane
 *     identity   ----- certificates --->  [1] [2] ... on the same ports (SO_REUSEPORT: the kernel spreads connections)
 *     admin 4191 <--- metrics, records --  rate limits and requests in flight are counted in memory that all share
 *
 * @returns the exit code; 1 when a worker is lost, so that whoever started the proxy starts it anew
 */
export async function superviseWorkers(options: SuperviseOptions): Promise<number> {
  const { env, config, io, signal, count } = options;
  const { logger: log, level } = options.log;
  const shutdown = new AbortController();
  const stopped = AbortSignal.any([signal, shutdown.signal]);
  const ended = new AbortController();
  let isLost = false;

  const registry = createRegistry({ clock: io.clock, retainIdleMs: config.metricsRetainIdleMs });
  registerProcessMetrics(registry, { clock: io.clock, version: VERSION, read: readProcess });
  const pool = new WorkerPool({
    count,
    spawn: io.spawnWorker!,
    clock: io.clock,
    log,
    version: VERSION,
    identity: config.identity.localName,
    metrics: () => registry.render(),
    onLost(error) {
      log.error(error.message, { code: error.code });
      isLost = true;
      shutdown.abort();
    },
  });
  const controlMetrics = createControlMetrics(registry, io.clock);
  const resolver = createHostResolver(config.dnsServers, config.dnsTtl);
  const { calls } = controlMetrics;
  const asked = (client: ControlClient) => controlMetrics.resolver(client, resolver);
  const own = await certify(config, asked("identity"), { registry }, log, io, calls, (material) =>
    pool.certificate(material),
  );
  const control = createControl(config, asked, own.credentials, log, io, calls);
  const exporting = await beginMetricsExport({ config, io, log, clientOf: control.client }, pool);
  let isReady = false;
  let adminPolicy: Watched<ServerPolicy> | undefined;
  const admin = createAdminServer({
    listen: config.admin.listen,
    credentials: own.credentials,
    policy: () => adminPolicy?.current,
    observability: pool,
    clock: io.clock,
    log,
    isReady: () => isReady && !stopped.aborted,
    ownNetworks: config.ownNetworks,
    shutdownEnabled: config.admin.shutdownEnabled,
    onShutdown: () => shutdown.abort(),
    describeConfig: () => describeConfig(config),
    env: ownVariables(env),
    logLevel: {
      get: () => level.get(),
      set(text) {
        level.set(text);
        pool.setLogLevel(text);
      },
    },
  });
  let tapServer: { close(): Promise<void> } | undefined;

  try {
    await pool.start();
    tapServer = await startTap({ config, io, log }, { workers: pool }, own.credentials);
    const adminPort = await admin.listen();
    log.info("meshctl proxy", {
      version: VERSION,
      identity: config.identity.localName,
      capture: config.capture,
      workers: count,
      inbound: joinHostPort(config.inbound.listen.host, config.inbound.listen.port),
      outbound: config.outbound.listen.map(({ host, port }) => joinHostPort(host, port)).join(","),
      admin: joinHostPort(config.admin.listen.host, adminPort),
    });
    own.start(ended.signal);
    adminPolicy = control.inboundPolicies.watch(config.admin.listen.port);
    const over = aborted(stopped);
    await Promise.race([pool.serving, over]);
    if (!stopped.aborted) {
      isReady = true;
      log.info("accepting connections");
      await over;
    }
    // While the workers can still say what they counted.
    await exporting?.close();
    if (!isLost) await pool.stop();
    return isLost ? 1 : 0;
  } finally {
    ended.abort();
    pool.terminate();
    control.close();
    await admin.close();
    await tapServer?.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
