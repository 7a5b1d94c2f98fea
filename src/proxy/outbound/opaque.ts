import type { Duplex } from "node:stream";
import { MeshError, toMeshError } from "../../base/error.ts";
import type { LiveSet } from "../../net/live-set.ts";
import { LiveExchange, type LiveTransport } from "../../observe/live-exchange.ts";
import { metaKey, type PolicyMeta } from "../../policy/meta.ts";
import type { Distribution, OutboundPolicy } from "../../policy/outbound.ts";
import { selectTlsRoute } from "../../policy/select-tls-route.ts";
import type { Accepted } from "../accept/accepted.ts";
import type { Balancer } from "../balance/balancer.ts";
import type { Lease } from "../balance/lease.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import { type Forwarded, forwardOpaque } from "../tcp/forward-opaque.ts";
import { type Backends, createEndpointTransport, describeEndpoint, type OpaqueOrigin } from "./backends.ts";
import { chooseBackend } from "./choose-backend.ts";

export interface OutboundOpaqueOptions {
  readonly accepted: Accepted;
  readonly policy: OutboundPolicy;
  /** As records carry it. */
  readonly target: string;
  /** For TLS policies: the server name of the client's hello. */
  readonly sni?: string | undefined;
  readonly backends: Backends;
  readonly liveSet: LiveSet;
  readonly deps: ProxyDependencies;
  /** See ForwardOptions. */
  readonly onHttp?: ((version: HttpVersion) => void) | undefined;
}

/** Forwards a connection whose bytes are not read: route, backend, endpoint, then copying. */
export function serveOpaqueOutbound(options: OutboundOpaqueOptions): Forwarded {
  const { accepted, policy, target, backends, liveSet, deps } = options;
  const live = new LiveExchange("outbound", policy.protocol === "tls" ? "tls" : "opaque");
  live.openedAtMs = deps.clock.now();
  live.opened = deps.clock.monotonic();
  live.client = accepted.client;
  live.target = target;
  live.authority = options.sni ?? "";
  live.parent = metaKey(policy.meta);
  live.parentRef = policy.meta;
  live.attempts = 1;
  const route = opaqueRoute(policy, options.sni);
  if (route) {
    live.route = metaKey(route.meta);
    live.routeRef = route.meta;
  }
  return forwardOpaque({
    accepted,
    live,
    recorder: deps.recorder,
    liveSet,
    clock: deps.clock,
    onHttp: options.onHttp,
    lateHttpMs: deps.config.outbound.detectTimeoutMs,
    dial: async (signal) => {
      const chosen =
        route && !route.refused
          ? chooseBackend(route.backends, (backend) => backends.opaque(backend, policy.meta), deps.random)
          : undefined;
      live.backendRef = chosen?.weighted.backend.meta;
      if (!chosen?.balancer) throw refusal(target, route?.refused);
      return await dialBalanced(chosen.balancer, live, signal, deps);
    },
  });
}

interface ChosenRoute {
  readonly meta: PolicyMeta;
  readonly backends: Distribution;
  readonly refused: "forbidden" | "invalid" | undefined;
}

/** The first opaque route, or the TLS route for the server name. A policy that speaks of HTTP only has none. */
function opaqueRoute(policy: OutboundPolicy, sni: string | undefined): ChosenRoute | undefined {
  const opaque =
    policy.protocol === "tls" ? selectTlsRoute(policy.opaqueRoutes, sni) : policy.opaqueRoutes[0];
  return opaque && { meta: opaque.meta, backends: opaque.backends, refused: opaque.refused };
}

/** Tries endpoints until one connects, as long as the balancer has any or the failfast time lasts. */
async function dialBalanced(
  balancer: Balancer<OpaqueOrigin>,
  live: LiveExchange,
  signal: AbortSignal,
  deps: ProxyDependencies,
): Promise<{ socket: Duplex; transport: LiveTransport }> {
  for (let isRetry = false; ; isRetry = true) {
    const lease = await acquire(balancer, signal, isRetry);
    describeEndpoint(live, lease.endpoint, lease.reason, deps);
    const startedAt = deps.clock.monotonic();
    try {
      const socket = await lease.value.dial(live, signal);
      lease.connected();
      // For connections the latency that counts is the time to establish one.
      lease.observe(deps.clock.monotonic() - startedAt);
      return { socket, transport: createEndpointTransport(lease.endpoint, live, deps) };
    } catch (caught) {
      const error = toMeshError(caught);
      if (signal.aborted) throw error;
      lease.connectFailed(error);
      if (error.code === "TLS_IDENTITY_MISMATCH" && balancer.readyCount === 0) throw error;
    } finally {
      lease.release();
    }
  }
}

function acquire(
  balancer: Balancer<OpaqueOrigin>,
  signal: AbortSignal,
  isRetry: boolean,
): Promise<Lease<OpaqueOrigin>> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      balancer.cancel(waiter);
      reject(signal.reason);
    };
    const settle = () => signal.removeEventListener("abort", onAbort);
    const waiter = {
      acquired(lease: Lease<OpaqueOrigin>) {
        settle();
        resolve(lease);
      },
      refused(error: MeshError) {
        settle();
        reject(error);
      },
    };
    signal.addEventListener("abort", onAbort, { once: true });
    balancer.acquire(waiter, isRetry);
  });
}

function refusal(target: string, refused: "forbidden" | "invalid" | undefined): MeshError {
  return new MeshError({
    kind: "user",
    code: refused === "forbidden" ? "OUTBOUND_FORBIDDEN" : "OUTBOUND_REFUSED",
    message: `connections to ${target} are refused: ${refused ?? "no route is available"}`,
  });
}
