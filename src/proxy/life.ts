import type { Clock } from "../base/clock.ts";
import { toMeshError } from "../base/error.ts";
import { joinHostPort } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { createCredentials, type MeshCredentials } from "../identity/mesh-credentials.ts";
import { meshClientOptions } from "../identity/mesh-tls.ts";
import type { ServerPolicy } from "../policy/inbound.ts";
import { createObservability, type Observability } from "./admin/observability.ts";
import { createAdminServer } from "./admin/server.ts";
import type { BackoffConfig, ControlAddress, ProxyConfig } from "./config.ts";
import { describeConfig } from "./config-describe.ts";
import { ConfigProblems, parseProxyConfig } from "./config-parse.ts";
import { createGrpcClient } from "./control/grpc-client.ts";
import { createHostResolver, type HostResolver } from "./control/resolve-host.ts";
import { NO_LIMITS } from "./control/watch-stream.ts";
import type { ProxyDependencies, Watched } from "./dependencies.ts";
import { createDiscovery } from "./discovery/discovery.ts";
import { createInboundPolicies } from "./discovery/inbound-policies.ts";
import type { StreamSource } from "./discovery/stream-source.ts";
import { createIdentityClient } from "./identity-client.ts";
import { type ControlClient, createControlMetrics } from "./metrics/control-metrics.ts";
import { createIdentityMetrics } from "./metrics/identity-metrics.ts";
import { type AdjustableLog, createAdjustableLog } from "./proxy-log.ts";
import type { ProxySide } from "./proxy-side.ts";
import { loadSocketTunings } from "./socket-tunings.ts";
import { followTrustAnchors, readTrustAnchors } from "./trust-anchors.ts";

export interface ProxyIo {
  /** Log, access log and errors. */
  readonly stderr: (text: string) => void;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The two halves of the data path. */
export interface ProxySides {
  readonly createInbound: (dependencies: ProxyDependencies) => ProxySide;
  readonly createOutbound: (dependencies: ProxyDependencies) => ProxySide;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const EXIT_OK = 0;
const EXIT_INIT_FAILED = 1;
const EXIT_CONFIG_INVALID = 64;
/** How often a proxy that waits for its first certificate says so. */
const WAITING_WARNING_MS = 15_000;
/** How long the start waits for the policies of the pod's ports; it goes on without them (/ready depends on no controller). */
const POLICIES_MS_MAX = 1000;
const DEFAULT_BACKOFF: BackoffConfig = { minMs: 100, maxMs: 60_000, jitterRatio: 0.1 };
const CONTROL_JITTER_RATIO = 1;

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
): Promise<number> {
  let config: ProxyConfig;
  let log: AdjustableLog;
  try {
    const parsed = parseProxyConfig(env);
    config = parsed.config;
    log = createLog(config.logLevel, config.logFormat, io);
    for (const warning of parsed.warnings) log.logger.warn(warning);
  } catch (caught) {
    return reportInvalid(caught, io);
  }
  try {
    return await serve(env, config, log, io, signal, sides);
  } catch (caught) {
    const error = toMeshError(caught);
    io.stderr(`Initialization failure: ${error.message}\n`);
    if (error.hint) io.stderr(`hint: ${error.hint}\n`);
    return EXIT_INIT_FAILED;
  }
}

async function serve(
  env: Environment,
  config: ProxyConfig,
  { logger: log, level: logLevel }: AdjustableLog,
  io: ProxyIo,
  signal: AbortSignal,
  sides: ProxySides,
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
  const controlMetrics = createControlMetrics(observability.registry);
  const asked = (client: ControlClient) => controlMetrics.resolver(client, resolver);
  const anchorsPem = await readTrustAnchors(config.identity);
  const credentials = createProxyCredentials(config, anchorsPem, asked("identity"), observability, log, io);
  const control = createControl(config, asked, credentials, log, io);
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
    sockets: await loadSocketTunings(config, process.platform, (message) => log.warn(message)),
  };
  const inbound = sides.createInbound(dependencies);
  const outbound = sides.createOutbound(dependencies);
  let isReady = false;
  let adminPolicy: Watched<ServerPolicy> | undefined;
  const admin = createAdminServer({
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
    logLevel,
  });

  let tapServer: { close(): Promise<void> } | undefined;
  try {
    tapServer = await startTap(config, observability, credentials, log, io);
    await inbound.bind();
    await outbound.bind();
    const adminPort = await admin.listen();
    log.info("meshctl proxy", {
      version: VERSION,
      identity: config.identity.localName,
      capture: config.capture,
      inbound: joinHostPort(config.inbound.listen.host, config.inbound.listen.port),
      outbound: config.outbound.listen.map(({ host, port }) => joinHostPort(host, port)).join(","),
      admin: joinHostPort(config.admin.listen.host, adminPort),
    });
    credentials.start(ended.signal);
    const { trustAnchorsFile } = config.identity;
    if (trustAnchorsFile !== undefined) {
      const following = { clock: io.clock, log, signal: ended.signal };
      void followTrustAnchors(trustAnchorsFile, anchorsPem, credentials, following);
    }
    const policies = control.inboundPolicies.start();
    // Held as long as the proxy lives.
    adminPolicy = control.inboundPolicies.watch(config.admin.listen.port);
    await firstCertificate(credentials, stopped, log, io.clock);
    await firstPolicies(policies, stopped, io.clock);
    if (!stopped.aborted) {
      inbound.start();
      outbound.start();
      isReady = true;
      log.info("accepting connections");
      await abortOf(stopped);
    }
    await drain([inbound, outbound], config.shutdownGracePeriodMs, log, io.clock);
    return EXIT_OK;
  } finally {
    ended.abort();
    inbound.close();
    outbound.close();
    control.close();
    await admin.close();
    await tapServer?.close();
  }
}

/** Tap in Linkerd's protocol: loaded only where somebody may use it. */
async function startTap(
  { observe }: ProxyConfig,
  { guests }: Observability,
  credentials: MeshCredentials,
  log: Logger,
  { clock }: ProxyIo,
) {
  if (!observe.tap) return undefined;
  const { startTapServer } = await import("./tap/tap-server.ts");
  return startTapServer({ ...observe.tap, credentials, exchanges: guests, clock, log });
}

function createProxyCredentials(
  config: ProxyConfig,
  trustAnchorsPem: string,
  resolver: HostResolver,
  observability: Observability,
  log: Logger,
  io: ProxyIo,
): MeshCredentials {
  const { identity } = config;
  const metrics = createIdentityMetrics(observability.registry);
  return createCredentials({
    localName: identity.localName,
    trustAnchorsPem,
    trustAnchorsOrigin: identity.trustAnchorsFile ?? "MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS",
    certify: createIdentityClient({
      server: identity.server,
      tokenFile: identity.tokenFile,
      takesAnchors: identity.trustAnchorsFile === undefined,
      resolver,
      sourceHost: config.outbound.sourceHost,
      ...pace(config, identity.server),
      clock: io.clock,
      random: io.random,
      log,
    }),
    clock: io.clock,
    random: io.random,
    log,
    minRefreshMs: identity.minRefreshMs,
    maxRefreshMs: identity.maxRefreshMs,
    onRefresh: (event) => {
      if (event.kind === "installed") metrics.refreshed(io.clock.now(), event.expiresAtMs);
      else metrics.failed();
    },
  });
}

function createControl(
  config: ProxyConfig,
  resolverOf: (client: ControlClient) => HostResolver,
  credentials: MeshCredentials,
  log: Logger,
  io: ProxyIo,
) {
  const clientOf = (address: ControlAddress, name: ControlClient) =>
    createGrpcClient({
      address,
      resolver: resolverOf(name),
      tlsOptions: (name) => meshClientOptions(credentials, { serverName: name, expectIdentity: name }),
      ready: credentials.ready,
      sourceHost: config.outbound.sourceHost,
      ...pace(config, address),
      clock: io.clock,
      random: io.random,
      log,
    });
  const sourceOf = (client: StreamSource["client"], address: ControlAddress): StreamSource => ({
    client,
    // A controller on this host is a test or a debugger: its streams are not bounded.
    limits: address.name === undefined ? NO_LIMITS : config.controlStream,
    backoff: pace(config, address).backoff,
    clock: io.clock,
    random: io.random,
    log,
  });
  const destinationClient = clientOf(config.destination.server, "destination");
  const policyClient = clientOf(config.policy.server, "policy");
  const policy = sourceOf(policyClient, config.policy.server);
  const inboundPolicies = createInboundPolicies(config, policy);
  const discovery = createDiscovery({
    config,
    destination: sourceOf(destinationClient, config.destination.server),
    policy,
    resolver: resolverOf("dst"),
  });
  return {
    inboundPolicies,
    discovery,
    close() {
      inboundPolicies.close();
      discovery.close();
      destinationClient.close();
      policyClient.close();
    },
  };
}

/** Controllers on this host are dialled at the pace of the application, others at that of the network. */
function pace({ inbound, outbound }: ProxyConfig, address: ControlAddress) {
  const side = address.name === undefined ? inbound : outbound;
  const backoff = side.connectBackoff ?? DEFAULT_BACKOFF;
  // A control plane that restarts ends the streams of every proxy at once: with the usual tenth they would all be back within
  // milliseconds of each other.
  return {
    connectTimeoutMs: side.connectTimeoutMs,
    backoff: { ...backoff, jitterRatio: Math.max(backoff.jitterRatio, CONTROL_JITTER_RATIO) },
  };
}

async function firstCertificate(
  credentials: MeshCredentials,
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

function ownVariables(env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => /^(MESHCTL|LINKERD2)_PROXY_/.test(name)));
}
