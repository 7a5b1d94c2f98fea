import { MeshError } from "../../base/error.ts";
import type { LiveSet } from "../../net/live-set.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import { metaKey } from "../../policy/meta.ts";
import type { OutboundPolicy } from "../../policy/outbound.ts";
import type { Accepted } from "../accept/accepted.ts";
import { sniffTls } from "../accept/terminate-tls.ts";
import type { OutboundTarget, ProxyDependencies, Watched } from "../dependencies.ts";
import { detectConnection, detectionWord } from "../detect/detect-http.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import { createServerConnection } from "../http/create-server-connection.ts";
import type { HttpHandler } from "../http/server-connection.ts";
import type { Rescue } from "../http/server-exchange.ts";
import { resetConnection } from "../tcp/reset-connection.ts";
import type { Backends } from "./backends.ts";
import { discoverWithin, targetName } from "./discover.ts";
import type { PolicyHandler } from "./http-layers.ts";
import { overrideTargets } from "./ingress.ts";
import { serveOpaqueOutbound } from "./opaque.ts";
import { RequestTargets } from "./request-targets.ts";

/** What all outbound connections share. */
export interface OutboundShared {
  readonly deps: ProxyDependencies;
  readonly backends: Backends;
  readonly liveSet: LiveSet;
  /** The HTTP layers from the in-flight limit inwards, for a connection with a given policy. */
  readonly limit: (next: HttpHandler) => HttpHandler;
  readonly requests: PolicyHandler;
  readonly rescue: Rescue;
}

/**
 * Serves a connection whose target is known: of a service's own listener, of redirected traffic, or inside a CONNECT tunnel.
 *
 *     discover -> by policy: http1, http2, grpc -> HTTP of that version      opaque -> opaque
 *                            tls -> server name of the hello -> opaque
 *                            detect -> first bytes -> HTTP of their version     anything else -> opaque
 *                                      silence -> opaque, until a late client turns out to speak HTTP
 *                                      end     -> opaque: its server may have something to say
 */
export async function serveOutbound(
  accepted: Accepted,
  target: OutboundTarget,
  shared: OutboundShared,
): Promise<void> {
  const { deps, liveSet } = shared;
  const { socket, transport } = accepted;
  const pending = { drain() {}, destroy: () => void socket.destroy() };
  liveSet.add(pending);
  let watched: Watched<OutboundPolicy> | undefined;
  try {
    watched = await discoverWithin(target, deps);
    const held = watched;
    transport.target = targetName(target);
    transport.parent = metaKey(held.current.meta);
    const owned = {
      ...accepted,
      released: (errno: string) => {
        held.release();
        accepted.released(errno);
      },
    };
    await serveByProtocol(owned, target, held, shared);
    watched = undefined;
  } catch (error) {
    watched?.release();
    deps.log.warn("outbound connection refused", {
      client: accepted.client,
      target: targetName(target),
      error: error instanceof Error ? error.message : String(error),
    });
    resetConnection(socket);
    accepted.released("");
  } finally {
    liveSet.remove(pending);
  }
}

async function serveByProtocol(
  accepted: Accepted,
  target: OutboundTarget,
  watched: Watched<OutboundPolicy>,
  shared: OutboundShared,
): Promise<void> {
  const { meta } = watched.current;
  const { recorder, clock, config } = shared.deps;
  const isIngress = config.outbound.ingressMode;
  // What an ingress sends is looked at, whatever is said of the instance that it chose.
  const protocol = isIngress ? "detect" : watched.current.protocol;
  recorder.connection({ kind: "protocol", protocol: PROTOCOL_WORDS[protocol], parent: meta });
  const asHttp = (version: HttpVersion): void => {
    if (isIngress) serveIngress(accepted, version, target, watched, shared);
    else {
      serveHttp(accepted, version, targetName(target), shared, {
        handle: (exchange) => shared.requests.handle(exchange, watched.current),
      });
    }
  };
  if (protocol === "http1" || protocol === "http2" || protocol === "grpc") {
    asHttp(protocol === "http1" ? "http/1" : "http/2");
    return;
  }
  const { deps, backends, liveSet } = shared;
  const hello =
    protocol === "tls"
      ? await sniffTls(accepted.socket, deps, config.outbound.detectTimeoutMs ?? HELLO_MS)
      : undefined;
  const startedAt = clock.monotonic();
  const detected =
    protocol === "detect" ? await detectConnection(accepted.socket, clock) : (hello ?? NOT_DETECTED);
  if (protocol === "detect") {
    const result = detectionWord(detected.kind);
    const tookMs = clock.monotonic() - startedAt;
    recorder.connection({ kind: "detected", direction: "outbound", parent: meta, port: 0, result, tookMs });
  }
  if (detected.kind === "closed") {
    accepted.socket.destroy();
    accepted.released("");
  } else if (detected.kind === "http/1" || detected.kind === "http/2") {
    asHttp(detected.kind);
  } else {
    serveOpaqueOutbound({
      accepted: detected.kind === "ended" ? { ...accepted, rest: detected.rest } : accepted,
      policy: watched.current,
      target: targetName(target),
      sni: hello?.kind === "hello" ? hello.serverName : undefined,
      backends,
      liveSet,
      deps,
      onHttp: protocol === "detect" && detected.kind === "silent" ? asHttp : undefined,
    });
  }
}

function serveIngress(
  accepted: Accepted,
  version: HttpVersion,
  target: OutboundTarget,
  watched: Watched<OutboundPolicy>,
  shared: OutboundShared,
): void {
  const targets = new RequestTargets(shared.deps);
  const released = (errno: string): void => {
    targets.release();
    accepted.released(errno);
  };
  const handler = overrideTargets(shared.requests, watched, targets);
  serveHttp({ ...accepted, released }, version, targetName(target), shared, handler);
}

/** Time for the rest of a ClientHello that has begun, where no other is configured, ms. */
const HELLO_MS = 10_000;

/** What metrics call the protocols of policies. */
const PROTOCOL_WORDS = {
  detect: "detect",
  opaque: "opaq",
  http1: "http/1",
  http2: "http/2",
  grpc: "http/2",
  tls: "tls",
} as const;

const NOT_DETECTED = { kind: "not-http" } as const;

/** Serves HTTP on a connection: each request goes through the limit, then to `next`. */
export function serveHttp(
  accepted: Accepted,
  version: HttpVersion,
  target: string,
  shared: OutboundShared,
  next: HttpHandler,
): void {
  const { deps, liveSet, rescue } = shared;
  const connection = createServerConnection(version, {
    socket: accepted.socket,
    transport: accepted.transport,
    direction: "outbound",
    handler: shared.limit(next),
    http2: deps.config.outbound.http2,
    rescue,
    recorder: deps.recorder,
    clock: deps.clock,
    describe: (live: LiveExchange) => {
      live.client = accepted.client;
      live.target = target;
    },
    onClosed: (errno) => {
      liveSet.remove(connection);
      accepted.released(errno);
    },
  });
  liveSet.add(connection);
  connection.start();
}

/** For requests without a usable authority. */
export function targetMissing(authority: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "TARGET_MISSING",
    message:
      authority === ""
        ? "request names no host"
        : `request names ${JSON.stringify(authority)}, which is no host`,
    hint: "send an absolute URL, CONNECT host:port, or a Host header to the proxy port",
  });
}
