import { joinHostPort } from "../../base/ip.ts";
import { lookAtFirstBytes } from "../../net/first-bytes.ts";
import type { LiveSet } from "../../net/live-set.ts";
import { LiveExchange } from "../../observe/live-exchange.ts";
import { authorizeConnection, type Verdict } from "../../policy/authorize.ts";
import type { ServerPolicy } from "../../policy/inbound.ts";
import { metaKey } from "../../policy/meta.ts";
import { detectHttp, type HttpDetection } from "../../wire/http-detect.ts";
import type { Accepted } from "../accept/accepted.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import { forwardOpaque } from "../tcp/forward-opaque.ts";
import type { Applications } from "./application.ts";
import type { InboundContext } from "./http-layers.ts";

export interface InboundOpaqueOptions {
  readonly accepted: Accepted;
  readonly context: InboundContext;
  readonly applications: Applications;
  readonly liveSet: LiveSet;
  readonly deps: ProxyDependencies;
  /** Set when the client was silent where HTTP is possible: serves the connection as HTTP after all. */
  readonly onHttp?: ((version: HttpVersion) => void) | undefined;
}

/**
 * Forwards a connection as opaque bytes if the policy lets its client in. Later changes of the policy apply to it as well: one
 * that no longer authorizes the client cuts the connection.
 */
export function serveOpaqueInbound(options: InboundOpaqueOptions): void {
  const { accepted, context, applications, liveSet, deps } = options;
  const { policy, peer, target } = context;
  const live = new LiveExchange("inbound", "opaque");
  live.openedAtMs = deps.clock.now();
  live.opened = deps.clock.monotonic();
  describeInbound(live, context);
  live.attempts = 1;
  live.parent = metaKey(policy.current.meta);
  live.parentRef = policy.current.meta;
  live.authority = context.sni;
  const authorize = (current: ServerPolicy): Verdict =>
    authorizeConnection(current, peer, deps.config.ownNetworks);
  const verdict = authorize(policy.current);
  live.verdict = verdict.verdict;
  live.authorization = metaKey(verdict.by);
  accepted.transport.authorization = verdict.allowed ? metaKey(verdict.by) : "";
  if (!verdict.allowed && options.onHttp) {
    void waitForHttp(options, options.onHttp);
    return;
  }
  if (!verdict.allowed) {
    live.error = "unauthorized";
    deps.recorder.opened(live);
    deps.recorder.closed(live);
    accepted.socket.destroy();
    policy.release();
    accepted.released("");
    return;
  }
  if (verdict.verdict === "audited") {
    deps.log.info("connection allowed by audit", { client: context.client, server: live.parent });
  }
  const unsubscribe = policy.onChange((current) => {
    if (!authorize(current).allowed) forwarded.cut("authorization was withdrawn", "AUTHORIZATION_WITHDRAWN");
  });
  const forwarded = forwardOpaque({
    accepted: {
      ...accepted,
      released(errno) {
        unsubscribe();
        policy.release();
        accepted.released(errno);
      },
    },
    live,
    recorder: deps.recorder,
    liveSet,
    clock: deps.clock,
    onHttp:
      options.onHttp &&
      ((version) => {
        unsubscribe();
        options.onHttp!(version);
      }),
    dial: async (signal) => ({
      socket: await applications.dial(target, live, signal),
      transport: applications.createTransport(live),
    }),
  });
}

/**
 * As a connection the client is not authorized, but a request of it may be, by its route: waits for what the client has
 * to say. Anything but HTTP is then refused as it would have been.
 */
async function waitForHttp(
  options: InboundOpaqueOptions,
  onHttp: (version: HttpVersion) => void,
): Promise<void> {
  const { accepted, liveSet, deps } = options;
  const { socket } = accepted;
  const pending = { drain: () => void socket.destroy(), destroy: () => void socket.destroy() };
  liveSet.add(pending);
  const first = await lookAtFirstBytes<HttpDetection>(socket, {
    silenceMs: deps.config.inbound.detectTimeoutMs,
    clock: deps.clock,
    look: (bytes) => ({ value: detectHttp(bytes), usedBytes: 0 }),
  });
  const detected = first.kind === "found" ? first.value : "not-http";
  if (detected !== "not-http") onHttp(detected);
  else serveOpaqueInbound({ ...options, onHttp: undefined });
  liveSet.remove(pending);
}

/** What the connection says about an exchange on it. */
export function describeInbound(live: LiveExchange, { peer, client, tls, target }: InboundContext): void {
  live.client = client;
  live.peerIp = peer.ip;
  live.peerIdentity = peer.identity;
  live.tls = tls;
  live.target = String(target.port);
  live.server = joinHostPort(target.ip, target.port);
}
