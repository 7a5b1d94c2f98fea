import type { Logger } from "../base/log.ts";
import type { Credentials } from "../identity/credentials.ts";
import {
  type CertificateMaterial,
  createCredentials,
  type MeshCredentials,
} from "../identity/mesh-credentials.ts";
import { meshClientOptions } from "../identity/mesh-tls.ts";
import type { Registry } from "../metrics/registry.ts";
import type { BackoffConfig, ControlAddress, ProxyConfig } from "./config.ts";
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
import { followTrustAnchors, readTrustAnchors } from "./trust-anchors.ts";

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
) {
  const { trustAnchorsFile } = config.identity;
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
  const metrics = createIdentityMetrics(registry);
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
      calls: calls(identity.server),
    }),
    clock: io.clock,
    random: io.random,
    log,
    minRefreshMs: identity.minRefreshMs,
    maxRefreshMs: identity.maxRefreshMs,
    onMaterial,
    onRefresh: (event) => {
      if (event.kind === "installed") metrics.refreshed(io.clock.now(), event.expiresAtMs);
      else metrics.failed();
    },
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
