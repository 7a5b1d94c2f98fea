import type { Duplex } from "node:stream";
import { MeshError } from "../../base/error.ts";
import { trySplitHostPort } from "../../base/ip.ts";
import { TRANSPORT_ALPN } from "../../base/names.ts";
import { secureClient } from "../../identity/mesh-handshake.ts";
import { dial } from "../../net/dial.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import { isOwnHost } from "../../policy/authorize.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import { encodeTransportHeader } from "../../wire/transport-header.ts";
import type { ProxyDependencies } from "../dependencies.ts";

/** Why a connection to an endpoint has no TLS, or `true`. */
export function endpointTls(endpoint: Endpoint, deps: ProxyDependencies): string {
  if (isLocal(endpoint, deps)) return "loopback";
  return endpoint.tls ? "true" : "not_provided_by_service_discovery";
}

/**
 * Opens a connection to an endpoint: TCP, then mesh TLS when discovery gave an identity, then the transport header when the
 * peer takes it. The connect timeout covers all of it.
 *
 * @param session  what follows; undefined for opaque bytes
 * @throws MeshError `DIAL_*`, `TLS_*`
 */
export async function dialEndpoint(
  endpoint: Endpoint,
  session: "http/1" | "http/2" | undefined,
  deps: ProxyDependencies,
  live: LiveExchange,
  signal: AbortSignal,
): Promise<Duplex> {
  const { config, clock } = deps;
  const startedAt = clock.monotonic();
  const timeoutMs = config.outbound.connectTimeoutMs;
  const tls = isLocal(endpoint, deps) ? undefined : endpoint.tls;
  const usesHeader =
    tls !== undefined &&
    (endpoint.opaqueTransportPort !== undefined || endpoint.authorityOverride !== undefined);
  const port = usesHeader ? (endpoint.opaqueTransportPort ?? endpoint.port) : endpoint.port;
  refuseLoop(endpoint.ip, port, deps);
  const socket = await dial({
    target: { host: endpoint.ip, port },
    localAddress: config.outbound.sourceHost,
    timeoutMs,
    tuning: deps.sockets?.outbound.connect,
    clock,
    signal,
  });
  live.dialled = clock.monotonic();
  if (!tls) return socket;
  const contexts = deps.credentials.current();
  if (!contexts) {
    socket.destroy();
    throw new MeshError({
      kind: "environment",
      code: "TLS_NO_CERTIFICATE",
      message: `no certificate yet to connect to ${endpoint.address} with`,
    });
  }
  const secure = await secureClient({
    socket,
    context: contexts.client,
    serverName: tls.serverName,
    identity: tls.identity,
    alpn: usesHeader ? TRANSPORT_ALPN : undefined,
    timeoutMs: Math.max(1, timeoutMs - (clock.monotonic() - startedAt)),
    clock,
    signal,
  });
  live.secured = clock.monotonic();
  if (usesHeader && secure.alpnProtocol === TRANSPORT_ALPN) {
    const sentSession = endpoint.protocolHint === "opaque" ? undefined : session;
    secure.write(encodeTransportHeader({ ...headerTarget(endpoint), session: sentSession }));
  }
  return secure;
}

/** What the header asks for: a port of the endpoint, or through a gateway the workload that the authority names. */
function headerTarget({ port, authorityOverride }: Endpoint): { port: number; name: string | undefined } {
  const override = authorityOverride === undefined ? undefined : trySplitHostPort(authorityOverride);
  return override?.port ? { port: override.port, name: override.host } : { port, name: undefined };
}

/** A pod that reaches itself through its Service needs no TLS with itself. */
export function isLocal(endpoint: Endpoint, { config }: ProxyDependencies): boolean {
  return config.inbound.ips?.has(endpoint.ip) ?? false;
}

/** Whoever names the proxy's own outbound port as target would make it call itself without end. */
function refuseLoop(ip: string, port: number, { config }: ProxyDependencies): void {
  if (!config.outbound.listen.some((listen) => listen.port === port)) return;
  if (!isOwnHost(ip, config.ownNetworks)) return;
  throw new MeshError({
    kind: "environment",
    code: "DIAL_LOOP",
    message: `${ip}:${port} is this proxy's own outbound port`,
    hint: "send the request to a service's name or address",
  });
}
