import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ownName } from "../../identity/credentials.ts";
import type { DialTarget } from "../../net/dial.ts";
import type { LiveSet } from "../../net/live-set.ts";
import { LiveTransport } from "../../observe/live-exchange.ts";
import { isOwnHost } from "../../policy/authorize.ts";
import type { ServerPolicy } from "../../policy/inbound.ts";
import { metaKey } from "../../policy/meta.ts";
import { type Accepted, clientAddress, releaseTransport } from "../accept/accepted.ts";
import { acceptDirect, type DirectConnection, sniffTls, terminateTls } from "../accept/terminate-tls.ts";
import type { ProxyDependencies, Watched } from "../dependencies.ts";
import { detectConnection, detectionWord, SILENCE_MS } from "../detect/detect-http.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import { createServerConnection } from "../http/create-server-connection.ts";
import type { HttpHandler } from "../http/server-connection.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import type { Applications, ApplicationTarget } from "./application.ts";
import { findGatewayTarget, forwardOpaqueToGateway } from "./gateway.ts";
import type { InboundContext, InboundHandler } from "./http-layers.ts";
import { describeInbound, serveOpaqueInbound } from "./opaque.ts";

/** What all inbound connections share. */
export interface InboundShared {
  readonly deps: ProxyDependencies;
  readonly liveSet: LiveSet;
  readonly applications: Applications;
  readonly limit: (next: HttpHandler) => HttpHandler;
  readonly requests: InboundHandler;
  /** The same for requests that go on to another workload; undefined: this proxy is no gateway. */
  readonly gatewayRequests: InboundHandler | undefined;
  /** Answers causes; `isAuthenticated`: the client may see them. */
  readonly rescue: (exchange: ServerExchange, cause: unknown, isAuthenticated: boolean) => void;
}

/** How a connection turned out after TLS: what it is served as. */
interface Classified {
  readonly socket: Duplex;
  readonly identity: string;
  readonly meshTls: boolean;
  readonly tls: string;
  /** Of TLS that is passed through. */
  readonly sni?: string;
  /** `silent`: opaque unless the client turns out to speak HTTP. */
  readonly as: "http/1" | "http/2" | "opaque" | "silent" | "closed";
  /** See Accepted. */
  readonly rest?: Buffer | undefined;
}

/**
 * Serves a connection to one of the application's ports.
 *
 *     policy   TLS                           then
 *     opaque   not sniffed (port_skipped)    copy
 *     tls      sniffed                       copy
 *     detect   sniffed                       first bytes: HTTP -> requests, else copy; silence: copy until HTTP comes
 *     http1    sniffed                       requests; inside mesh TLS first bytes decide
 *     http2    sniffed                       requests
 *
 * Sniffed: our name -> terminated; another name -> passed through, copied; none -> plaintext.
 * A client that closes its half before it can be told what it speaks is copied as well, where the port does not demand HTTP.
 */
export async function serveInbound(
  socket: Socket,
  target: ApplicationTarget,
  shared: InboundShared,
): Promise<void> {
  const policy = shared.deps.inboundPolicies.watch(target.port);
  await guarded(socket, target, policy, shared, () =>
    classify(socket, target.port, policy.current, shared.deps),
  );
}

/** Serves a connection to the proxy port itself, from another proxy. */
export async function serveDirect(
  socket: Socket,
  resolve: (port: number) => { ip: string; dial: DialTarget },
  local: { readonly ip: string; readonly port: number },
  shared: InboundShared,
): Promise<void> {
  const { deps, liveSet } = shared;
  const pending = { drain() {}, destroy: () => void socket.destroy() };
  liveSet.add(pending);
  try {
    const direct = await acceptDirect(socket, deps);
    const { header, identity } = direct;
    const { session, port, name = "" } = header;
    deps.recorder.connection({ kind: "transport-header", session, port, name, clientId: identity });
    if (header.name !== undefined) {
      await serveGateway(direct, header.name, clientAddress(socket), local, shared);
      return;
    }
    const target = { port: header.port, ...resolve(header.port) };
    const policy = deps.inboundPolicies.watch(header.port);
    await guarded(
      direct.socket,
      target,
      policy,
      shared,
      async () => ({
        socket: direct.socket,
        identity,
        meshTls: true,
        tls: "true",
        as: directProtocol(header.session, policy.current),
      }),
      clientAddress(socket),
    );
  } catch (error) {
    refuse(socket, `${local.ip}:${local.port}`, error, deps);
  } finally {
    liveSet.remove(pending);
  }
}

/** Serves a connection that names another workload. Both policies are released by whoever takes it. */
async function serveGateway(
  { socket, identity, header }: DirectConnection,
  name: string,
  address: { readonly client: string; readonly clientIp: string },
  local: { readonly ip: string; readonly port: number },
  shared: InboundShared,
): Promise<void> {
  const { deps } = shared;
  try {
    const { target, policy: towards, gateway } = await findGatewayTarget(name, header.port, deps);
    const policy = deps.inboundPolicies.watch(local.port);
    const version = header.session ?? "http/1";
    const classified = { socket, identity, meshTls: true, tls: "true", as: "opaque" } as const;
    const accepted = openAccepted(classified, address, policy, local.port, deps);
    const context: InboundContext = {
      peer: { ip: address.clientIp, identity, meshTls: true },
      client: address.client,
      tls: "true",
      sni: "",
      // Nobody dials it: the request goes out.
      target: { ip: local.ip, port: local.port, dial: { host: local.ip, port: local.port } },
      policy,
      gateway: { target, policy: towards, version },
    };
    if (header.session === undefined) forwardOpaqueToGateway(accepted, context, deps, gateway);
    else serveHttpInbound(accepted, context, version, shared);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Runs classification with the connection kept in the live set, then hands it over; whatever fails closes it. */
async function guarded(
  socket: Socket,
  target: ApplicationTarget,
  policy: Watched<ServerPolicy>,
  shared: InboundShared,
  classifyConnection: () => Promise<Classified>,
  address = clientAddress(socket),
): Promise<void> {
  const { deps, liveSet } = shared;
  const pending = { drain() {}, destroy: () => void socket.destroy() };
  liveSet.add(pending);
  try {
    const classified = await classifyConnection();
    if (classified.as === "closed") {
      socket.destroy();
      policy.release();
    } else {
      handOver(classified, address, target, policy, shared);
    }
  } catch (error) {
    policy.release();
    refuse(socket, `${target.ip}:${target.port}`, error, deps);
  } finally {
    liveSet.remove(pending);
  }
}

async function classify(
  socket: Socket,
  port: number,
  policy: ServerPolicy,
  deps: ProxyDependencies,
): Promise<Classified> {
  const { kind } = policy.protocol;
  if (kind === "opaque") return plain(socket, "port_skipped", "opaque");
  const sniff = await sniffTls(socket, deps, deps.config.inbound.detectTimeoutMs);
  if (sniff.kind === "closed") return plain(socket, "no_tls_from_remote", "closed");
  if (sniff.kind === "ended")
    return { ...plain(socket, "no_tls_from_remote", endedAs(kind)), rest: sniff.rest };
  if (sniff.kind === "hello" && sniff.serverName !== ownName(deps.credentials)) {
    return { ...plain(socket, "passthru", "opaque"), sni: sniff.serverName ?? "" };
  }
  if (sniff.kind === "hello") {
    const secured = await terminateTls(socket, undefined, deps);
    const detected =
      kind === "tls" ? ({ as: "opaque" } as const) : await detectAs(secured.socket, port, policy, true, deps);
    return { socket: secured.socket, identity: secured.identity, meshTls: true, tls: "true", ...detected };
  }
  // Silence was waited for already: whoever has nothing to say is not asked again.
  const isSilent = sniff.kind === "silent";
  if (kind === "tls") return plain(socket, "no_tls_from_remote", "opaque");
  if (isSilent && kind === "detect") {
    noteDetection("silent", SILENCE_MS, port, policy, deps);
    return plain(socket, "no_tls_from_remote", "silent");
  }
  const detected = await detectAs(socket, port, policy, false, deps);
  return { ...plain(socket, "no_tls_from_remote", "opaque"), ...detected };
}

async function detectAs(
  socket: Duplex,
  port: number,
  policy: ServerPolicy,
  isMeshed: boolean,
  deps: ProxyDependencies,
): Promise<Pick<Classified, "as" | "rest">> {
  const { kind } = policy.protocol;
  if (kind === "http2" || kind === "grpc") return { as: "http/2" };
  if (kind === "http1" && !isMeshed) return { as: "http/1" };
  const startedAt = deps.clock.monotonic();
  const detected = await detectConnection(socket, deps.clock);
  noteDetection(detected.kind, deps.clock.monotonic() - startedAt, port, policy, deps);
  switch (detected.kind) {
    case "silent":
      return { as: kind === "http1" ? "http/1" : "silent" };
    case "not-http":
      return { as: "opaque" };
    case "ended":
      return { as: endedAs(kind), rest: detected.rest };
    default:
      return { as: detected.kind };
  }
}

function noteDetection(
  detected: string,
  tookMs: number,
  port: number,
  policy: ServerPolicy,
  { recorder }: ProxyDependencies,
): void {
  const result = detectionWord(detected);
  recorder.connection({ kind: "detected", direction: "inbound", parent: policy.meta, port, result, tookMs });
}

/** A client that says no more has no request; a server that is not of HTTP may have something to say to it all the same. */
function endedAs(kind: ServerPolicy["protocol"]["kind"]): "opaque" | "closed" {
  return kind === "http1" || kind === "http2" || kind === "grpc" ? "closed" : "opaque";
}

function directProtocol(session: "http/1" | "http/2" | undefined, policy: ServerPolicy): Classified["as"] {
  // An opaque port is opaque whatever the client found out about its bytes.
  if (session === undefined || policy.protocol.kind === "opaque") return "opaque";
  return session;
}

function plain(socket: Socket, tls: string, as: Classified["as"]): Classified {
  return { socket, identity: "", meshTls: false, tls, as };
}

function handOver(
  classified: Classified,
  address: { readonly client: string; readonly clientIp: string },
  target: ApplicationTarget,
  policy: Watched<ServerPolicy>,
  shared: InboundShared,
): void {
  const { deps, liveSet, applications } = shared;
  const { identity, meshTls } = classified;
  const isLoopback =
    classified.tls === "no_tls_from_remote" && isOwnHost(address.clientIp, deps.config.ownNetworks);
  const tls = isLoopback ? "loopback" : classified.tls;
  const accepted = openAccepted({ ...classified, tls }, address, policy, target.port, deps);
  const context: InboundContext = {
    peer: { ip: address.clientIp, identity, meshTls },
    client: address.client,
    tls,
    sni: accepted.transport.sni,
    target,
    policy,
  };
  const asHttp = (version: HttpVersion) => serveHttpInbound(accepted, context, version, shared);
  if (classified.as === "http/1" || classified.as === "http/2") {
    asHttp(classified.as);
  } else {
    const onHttp = classified.as === "silent" ? asHttp : undefined;
    serveOpaqueInbound({ accepted, context, applications, liveSet, deps, onHttp });
  }
}

/** Opens the books of an accepted connection. */
function openAccepted(
  { socket, rest, identity, tls, sni }: Classified,
  address: { readonly client: string; readonly clientIp: string },
  policy: Watched<ServerPolicy>,
  port: number,
  { recorder }: ProxyDependencies,
): Accepted {
  const transport = new LiveTransport("inbound", "src");
  transport.peerIp = address.clientIp;
  transport.peerIdentity = identity;
  transport.tls = tls;
  transport.sni = sni ?? "";
  transport.target = String(port);
  transport.parent = metaKey(policy.current.meta);
  recorder.transportOpened(transport);
  return { socket, rest, transport, ...address, released: releaseTransport(recorder, transport) };
}

function serveHttpInbound(
  accepted: Accepted,
  context: InboundContext,
  version: HttpVersion,
  shared: InboundShared,
): void {
  const { deps, liveSet, limit, rescue } = shared;
  const requests = context.gateway ? shared.gatewayRequests! : shared.requests;
  const isAuthenticated = context.peer.identity !== "";
  const connection = createServerConnection(version, {
    socket: accepted.socket,
    transport: accepted.transport,
    direction: "inbound",
    handler: limit({ handle: (exchange) => requests.handle(exchange, context) }),
    http2: deps.config.inbound.http2,
    rescue: (exchange, cause) => rescue(exchange, cause, isAuthenticated),
    recorder: deps.recorder,
    clock: deps.clock,
    describe: (live) => describeInbound(live, context),
    onClosed: (errno) => {
      liveSet.remove(connection);
      context.policy.release();
      context.gateway?.policy.release();
      accepted.released(errno);
    },
  });
  liveSet.add(connection);
  connection.start();
}

function refuse(socket: Socket, server: string, error: unknown, deps: ProxyDependencies): void {
  deps.log.warn("inbound connection refused", {
    client: clientAddress(socket).client,
    server,
    error: error instanceof Error ? error.message : String(error),
  });
  socket.destroy();
}
