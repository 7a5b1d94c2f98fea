import type { Clock } from "../base/clock.ts";
import { toMeshError } from "../base/error.ts";
import { joinHostPort } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import type { Credentials } from "../identity/credentials.ts";
import { returnMemory } from "../net/return-memory.ts";
import type { ServerPolicy } from "../policy/inbound.ts";
import { createObservability } from "./admin/observability.ts";
import { createAdminServer } from "./admin/server.ts";
import type { ProxyConfig } from "./config.ts";
import { workerCount } from "./config-cores.ts";
import { describeConfig } from "./config-describe.ts";
import { type Environment, ownVariables } from "./config-env.ts";
import { ConfigProblems, parseProxyConfig } from "./config-parse.ts";
import { createHostResolver } from "./control/resolve-host.ts";
import { certify, createControl } from "./control-clients.ts";
import type { Gateway, ProxyDependencies, Watched } from "./dependencies.ts";
import { type ControlClient, createControlMetrics } from "./metrics/control-metrics.ts";
import { beginMetricsExport, beginTracing, startTap } from "./optional-parts.ts";
import type { ProxyIo } from "./proxy-io.ts";
import { type AdjustableLog, createAdjustableLog } from "./proxy-log.ts";
import type { ProxySide } from "./proxy-side.ts";
import { loadSocketTunings } from "./socket-tunings.ts";
import type { WorkerSeat } from "./workers/seat.ts";

/** The two halves of the data path. */
export interface ProxySides {
  readonly createInbound: (dependencies: ProxyDependencies) => ProxySide;
  readonly createOutbound: (dependencies: ProxyDependencies) => ProxySide & { readonly gateway?: Gateway };
}

const EXIT_OK = 0;
const EXIT_INIT_FAILED = 1;
const EXIT_CONFIG_INVALID = 64;
/** How often a proxy that waits for its first certificate says so. */
const WAITING_WARNING_MS = 15_000;
/** How long the start waits for the policies of the pod's ports; it goes on without them (/ready depends on no controller). */
const POLICIES_MS_MAX = 1000;

/**
 * One proxy, from its environment to its exit code.
 *
 * ```
 *   environment --bad--> 64
 *      | good
 *   bound (admin answers, connections wait) --cannot bind--> 1
 *      | first certificate, and the ports' policies or 1 s
 *   serving (/ready is 200)
 *      | signal, or POST /shutdown
 *   draining --all done, or grace period over--> 0
 * ```
 *
 * @see reference: proxy section 4
 */
export async function liveProxy(
  env: Environment,
  io: ProxyIo,
  signal: AbortSignal,
  sides: ProxySides,
  seat?: WorkerSeat,
): Promise<number> {
  let config: ProxyConfig;
  let log: AdjustableLog;
  try {
    const parsed = parseProxyConfig(env);
    config = parsed.config;
    log = createLog(config.logLevel, config.logFormat, io);
    // Of several workers the main thread has said so.
    if (!seat) for (const warning of parsed.warnings) log.logger.warn(warning);
  } catch (caught) {
    return reportInvalid(caught, io);
  }
  const over = new AbortController();
  // One thread does it for all.
  if (!seat) void returnMemory(process.platform, io.clock, over.signal);
  try {
    const workers = seat || !io.spawnWorker ? 1 : workerCount(config.cores, io.processors ?? 1);
    if (workers > 1) {
      const { superviseWorkers } = await import("./workers/supervise.ts");
      return await superviseWorkers({ env, config, log, io, signal, count: workers });
    }
    return await serve(env, config, log, io, signal, sides, seat);
  } catch (caught) {
    const error = toMeshError(caught);
    if (seat) seat.failed(error);
    io.stderr(`Initialization failure: ${error.message}\n`);
    if (error.hint) io.stderr(`hint: ${error.hint}\n`);
    return EXIT_INIT_FAILED;
  } finally {
    over.abort();
  }
}

async function serve(
  env: Environment,
  config: ProxyConfig,
  { logger: log, part, level: logLevel }: AdjustableLog,
  io: ProxyIo,
  signal: AbortSignal,
  sides: ProxySides,
  seat: WorkerSeat | undefined,
): Promise<number> {
  const shutdown = new AbortController();
  const stopped = AbortSignal.any([signal, shutdown.signal]);
  /** Ends what runs beside the data path: certificates, streams. They stay up while connections drain. */
  const ended = new AbortController();

  const observability = createObservability({
    clock: io.clock,
    log,
    version: VERSION,
    identity: config.identity.localName,
    retainIdleMs: config.metricsRetainIdleMs,
    hasInboundAuthority: config.observe.inboundAuthorityLabels,
    hasHostname: config.observe.hostnameLabels,
    accessLog: config.accessLog,
    writeAccessLog: (line) => io.stderr(line.endsWith("\n") ? line : `${line}\n`),
  });
  const resolver = createHostResolver(config.dnsServers, config.dnsTtl);
  const controlMetrics = createControlMetrics(observability.registry, io.clock);
  const { calls } = controlMetrics;
  const asked = (client: ControlClient) => controlMetrics.resolver(client, resolver);
  const own = seat
    ? undefined
    : await certify(config, asked("identity"), observability, part("identity"), io, calls);
  const credentials: Credentials = seat?.credentials ?? own!.credentials;
  const control = createControl(config, asked, credentials, part("control"), io, calls);
  const parts = { config, io, clientOf: control.client };
  const { guests, registry } = observability;
  const tracing = await beginTracing({ ...parts, log: part("tracing") }, guests, registry);
  // Of several workers the main thread exports for all.
  const exporting = seat
    ? undefined
    : await beginMetricsExport({ ...parts, log: part("tracing") }, observability);
  const dependencies: ProxyDependencies = {
    config,
    clock: io.clock,
    random: io.random,
    log,
    recorder: observability.recorder,
    balancers: observability.balancers,
    credentials,
    inboundPolicies: control.inboundPolicies,
    discovery: control.discovery,
    ...(tracing ? { tracing: tracing.tracer } : {}),
    ...(seat ? { shared: seat.shared } : {}),
    sockets: await loadSocketTunings(config, process.platform, (message) => log.warn(message)),
  };
  const outbound = sides.createOutbound({ ...dependencies, log: part("outbound") });
  const inbound = sides.createInbound({
    ...dependencies,
    log: part("inbound"),
    ...(config.inbound.gatewaySuffixes.length > 0 && outbound.gateway ? { gateway: outbound.gateway } : {}),
  });
  let isReady = false;
  let adminPolicy: Watched<ServerPolicy> | undefined;
  const admin = (seat?.createAdmin ?? createAdminServer)({
    listen: config.admin.listen,
    credentials,
    policy: () => adminPolicy?.current,
    observability,
    clock: io.clock,
    log,
    isReady: () => isReady && !stopped.aborted,
    ownNetworks: config.ownNetworks,
    shutdownEnabled: config.admin.shutdownEnabled,
    onShutdown: () => shutdown.abort(),
    describeConfig: () => describeConfig(config),
    env: ownVariables(env),
    // Where logs are off, they stay off.
    ...(config.logLevel === "off" ? {} : { logLevel }),
  });

  let tapServer: { close(): Promise<void> } | undefined;
  try {
    if (seat) seat.showExchanges(guests);
    else tapServer = await startTap({ ...parts, log: part("tap") }, { guests }, credentials);
    await inbound.bind();
    await outbound.bind();
    const adminPort = await admin.listen();
    if (!seat)
      log.info("meshctl proxy", {
        version: VERSION,
        identity: config.identity.localName,
        capture: config.capture,
        inbound: joinHostPort(config.inbound.listen.host, config.inbound.listen.port),
        outbound: config.outbound.listen.map(({ host, port }) => joinHostPort(host, port)).join(","),
        admin: joinHostPort(config.admin.listen.host, adminPort),
      });
    own?.start(ended.signal);
    const policies = control.inboundPolicies.start();
    // Held as long as the proxy lives.
    adminPolicy = control.inboundPolicies.watch(config.admin.listen.port);
    await firstCertificate(credentials, stopped, log, io.clock);
    await firstPolicies(policies, stopped, io.clock);
    if (!stopped.aborted) {
      inbound.start();
      outbound.start();
      isReady = true;
      if (seat) seat.serving();
      else log.info("accepting connections");
      await abortOf(stopped);
    }
    await drain([inbound, outbound], config.shutdownGracePeriodMs, log, io.clock);
    return EXIT_OK;
  } finally {
    ended.abort();
    inbound.close();
    outbound.close();
    await Promise.all([tracing?.close(), exporting?.close()]);
    control.close();
    await admin.close();
    await tapServer?.close();
  }
}

async function firstCertificate(
  credentials: Credentials,
  stopped: AbortSignal,
  log: Logger,
  clock: Clock,
): Promise<void> {
  let timer = clock.schedule(WAITING_WARNING_MS, remind);
  function remind(): void {
    log.warn("waiting for the first certificate; connections wait meanwhile");
    timer = clock.schedule(WAITING_WARNING_MS, remind);
  }
  await Promise.race([credentials.ready, abortOf(stopped)]);
  timer.cancel();
}

/**
 * Gives the control plane a moment to say what the ports' policies are. Without it the first connections, which are the
 * kubelet's probes as a rule, would meet the default policy, which knows no probes: they would count as failed traffic.
 */
async function firstPolicies(policies: Promise<void>, stopped: AbortSignal, clock: Clock): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = clock.schedule(POLICIES_MS_MAX, over.resolve);
  await Promise.race([policies, over.promise, abortOf(stopped)]);
  timer.cancel();
}

async function drain(
  sides: readonly ProxySide[],
  gracePeriodMs: number,
  log: Logger,
  clock: Clock,
): Promise<void> {
  log.info("draining", { graceMs: gracePeriodMs });
  const deadline = new AbortController();
  const timer = clock.schedule(gracePeriodMs, () => {
    log.warn("the grace period is over; open connections are cut");
    deadline.abort();
  });
  await Promise.all(sides.map((side) => side.drain(deadline.signal)));
  timer.cancel();
  log.info("drained");
}

function abortOf(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function reportInvalid(caught: unknown, io: ProxyIo): number {
  const error = toMeshError(caught);
  const problems = error.cause instanceof ConfigProblems ? error.cause.problems : [error.message];
  const { logger } = createLog("info", "plain", io);
  for (const problem of problems) logger.error(problem);
  io.stderr(`Invalid configuration: ${problems.length} of the proxy's variables cannot be used\n`);
  return EXIT_CONFIG_INVALID;
}

function createLog(level: string, format: "plain" | "json", io: ProxyIo): AdjustableLog {
  return createAdjustableLog({ level, format, write: io.stderr, now: () => io.clock.now() });
}
