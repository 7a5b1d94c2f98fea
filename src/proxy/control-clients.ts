import type { Logger } from "../base/log.ts";
import type { Credentials } from "../identity/credentials.ts";
import { followTrustAnchors } from "../identity/follow-trust-anchors.ts";
import {
  type CertificateMaterial,
  createCredentials,
  type MeshCredentials,
  type RefreshEvent,
} from "../identity/mesh-credentials.ts";
import { meshClientOptions } from "../identity/mesh-tls.ts";
import type { Registry } from "../metrics/registry.ts";
import type { BackoffConfig, ControlAddress, ProxyConfig, SpireConfig } from "./config.ts";
import { createGrpcClient } from "./control/grpc-client.ts";
import type { HostResolver } from "./control/resolve-host.ts";
import { NO_LIMITS } from "./control/watch-stream.ts";
import { createDiscovery } from "./discovery/discovery.ts";
import { createInboundPolicies } from "./discovery/inbound-policies.ts";
import type { StreamSource } from "./discovery/stream-source.ts";
import { createIdentityClient } from "./identity-client.ts";
import type { CallObservers } from "./metrics/control-calls.ts";
import type { ControlClient } from "./metrics/control-metrics.ts";
import { createIdentityMetrics } from "./metrics/identity-metrics.ts";
import type { ProxyIo } from "./proxy-io.ts";
import { readTrustAnchors } from "./trust-anchors.ts";

const DEFAULT_BACKOFF: BackoffConfig = { minMs: 100, maxMs: 60_000, jitterRatio: 0.1 };
const CONTROL_JITTER_RATIO = 1;

/** This process' certificate, and what begins to ask for it. */
export async function certify(
  config: ProxyConfig,
  resolver: HostResolver,
  observability: { readonly registry: Registry },
  log: Logger,
  io: ProxyIo,
  calls: CallObservers,
  onMaterial?: (material: CertificateMaterial) => void,
): Promise<{ readonly credentials: Credentials; start(signal: AbortSignal): void }> {
  const { trustAnchorsFile, spire } = config.identity;
  if (spire) return certifyBySpire(spire, config, observability, log, io, onMaterial);
  const anchorsPem = await readTrustAnchors(config.identity);
  const credentials = createProxyCredentials(
    config,
    anchorsPem,
    resolver,
    observability,
    log,
    io,
    calls,
    onMaterial,
  );
  return {
    credentials,
    start(signal: AbortSignal): void {
      void credentials.start(signal);
      if (trustAnchorsFile === undefined) return;
      void followTrustAnchors(trustAnchorsFile, anchorsPem, credentials, { clock: io.clock, log, signal });
    },
  };
}

/** Loaded only where the configuration asks for it. */
async function certifyBySpire(
  spire: SpireConfig,
  config: ProxyConfig,
  { registry }: { readonly registry: Registry },
  log: Logger,
  io: ProxyIo,
  onMaterial: ((material: CertificateMaterial) => void) | undefined,
) {
  const { createSpireCredentials } = await import("./spire-client.ts");
  const credentials = createSpireCredentials({
    ...spire,
    localName: config.identity.localName,
    serverName: config.identity.serverName,
    connectTimeoutMs: config.inbound.connectTimeoutMs,
    clock: io.clock,
    random: io.random,
    log,
    onMaterial,
    onRefresh: countRefreshes(registry, io),
  });
  return { credentials, start: (signal: AbortSignal) => void credentials.start(signal) };
}

function countRefreshes(registry: Registry, { clock }: ProxyIo) {
  const metrics = createIdentityMetrics(registry);
  return (event: RefreshEvent): void => {
    if (event.kind === "installed") metrics.refreshed(clock.now(), event.expiresAtMs);
    else metrics.failed();
  };
}

function createProxyCredentials(
  config: ProxyConfig,
  trustAnchorsPem: string,
  resolver: HostResolver,
  { registry }: { readonly registry: Registry },
  log: Logger,
  io: ProxyIo,
  calls: CallObservers,
  onMaterial: ((material: CertificateMaterial) => void) | undefined,
): MeshCredentials {
  const { identity } = config;
  const { server } = identity;
  // Without SPIRE there is one, or the configuration would be invalid.
  if (!server) throw new Error("no identity service");
  return createCredentials({
    localName: identity.localName,
    trustAnchorsPem,
    trustAnchorsOrigin: identity.trustAnchorsFile ?? "MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS",
    certify: createIdentityClient({
      server,
      tokenFile: identity.tokenFile,
      takesAnchors: identity.trustAnchorsFile === undefined,
      resolver,
      sourceHost: config.outbound.sourceHost,
      ...pace(config, server),
      clock: io.clock,
      random: io.random,
      log,
      calls: calls(server),
    }),
    clock: io.clock,
    random: io.random,
    log,
    minRefreshMs: identity.minRefreshMs,
    maxRefreshMs: identity.maxRefreshMs,
    onMaterial,
    onRefresh: countRefreshes(registry, io),
  });
}

/** Clients of destination and policy, and what follows them. */
export function createControl(
  config: ProxyConfig,
  resolverOf: (client: ControlClient) => HostResolver,
  credentials: Credentials,
  log: Logger,
  io: ProxyIo,
  calls: CallObservers,
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
      calls: calls(address),
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
    /** A client of another service that is reached in the same way. */
    client: clientOf,
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
