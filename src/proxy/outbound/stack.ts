import type { Socket } from "node:net";
import { type Listener, type ListenOptions, listen } from "../../net/listen.ts";
import { LiveSet } from "../../net/live-set.ts";
import {
  loadOriginalDestinationReader,
  type OriginalDestinationReader,
} from "../../net/original-destination.ts";
import { LiveTransport } from "../../observe/live-exchange.ts";
import { isOwnHost } from "../../policy/authorize.ts";
import { type Accepted, clientAddress, releaseTransport } from "../accept/accepted.ts";
import { limitConnections } from "../accept/limit-connections.ts";
import type { Gateway, OutboundTarget, ProxyDependencies } from "../dependencies.ts";
import { isFallback } from "../discovery/merge-policy.ts";
import { limitInFlight } from "../layers/limit-in-flight.ts";
import { createRescue } from "../layers/rescue.ts";
import { traceRequests } from "../layers/trace-requests.ts";
import type { ProxySide } from "../proxy-side.ts";
import { Backends } from "./backends.ts";
import { balanceRequests } from "./balance-requests.ts";
import { type OutboundShared, serveOutbound } from "./connection.ts";
import { discoverWithin, targetName } from "./discover.ts";
import { serveHttpProxy } from "./http-proxy.ts";
import { createMirrors } from "./mirror.ts";
import { serveOpaqueOutbound } from "./opaque.ts";
import { routeRequests } from "./route-requests.ts";
import { splitRequests } from "./split-requests.ts";

/**
 * The outbound side: what the application sends.
 *
 *     connection
 *       listener             connection limit; target: original destination, a service's listener, or named by the request
 *       discover             profile and policy of the target, shared and kept up to date
 *       detect               by the policy's protocol: HTTP unsniffed, TLS by its server name, first bytes, or opaque
 *
 *     request                file                    what it may answer itself
 *       rescue               layers/rescue           (makes an answer of whatever fails below)
 *       spans                layers/trace-requests   only where there is a collector
 *       in-flight limit      layers/limit-in-flight  503
 *       target               http-proxy, ingress     of the HTTP proxy port and of ingress mode: discovered here, 400, 502, 504
 *       route                route-requests          404; a ServiceProfile's or the policy's, with per-request overrides
 *       times, deadline      stream-timeouts         504, for all attempts together
 *       route's filters      layers/apply-filters    redirects, injected failures
 *       mirrors of the route mirror                  (copies)
 *       retry                retry                   what follows happens once an attempt, on the request as it was
 *       backend              split-requests          503 none available, 502 none that can be sent to
 *       backend's filters    layers/apply-filters    then its mirrors, at the first attempt
 *       balance              balance-requests        queue 503 and 504; breakers leave endpoints out
 *       endpoint             balance-requests        authority override, l5d-require-id 502, rest of the deadline, l5d-orig-proto
 *       connection           backends, dial-endpoint 502 and 504: TCP, mesh TLS, transport header; HTTP/1 pool or shared HTTP/2
 *     A gateway's requests enter at the route.
 *
 *     opaque bytes           opaque.ts: route -> backend -> balance -> endpoint, another if it refuses -> copy both ways
 */
export function createOutboundProxy(deps: ProxyDependencies): ProxySide & { readonly gateway: Gateway } {
  const { config, recorder, log } = deps;
  const liveSet = new LiveSet();
  const backends = new Backends(deps);
  const listeners: Listener[] = [];
  let originalDestination: OriginalDestinationReader | undefined;

  const listenOptions: ListenOptions = {
    tuning: deps.sockets?.outbound.accept,
    limit: limitConnections("outbound", deps),
    backlog: config.outbound.sockets.backlog,
    reusePort: deps.shared !== undefined,
  };

  // The layers of a request, innermost first; one instance of each serves all connections.
  const balanced = balanceRequests(liveSet, deps);
  const split = splitRequests(balanced, backends, createMirrors(balanced, backends, deps), deps);
  const routed = routeRequests(split, deps);

  const shared: OutboundShared = {
    deps,
    backends,
    liveSet,
    limit: traceRequests(
      deps.tracing,
      limitInFlight(config.outbound.maxInFlight, deps.shared?.outboundInFlight),
    ),
    requests: routed,
    rescue: createRescue({
      isInformational: () => !config.outbound.disableInformationalHeaders,
      onUnexpected: (error) => log.error("unexpected error", { code: error.code, error: error.message }),
    }),
  };

  const accept = (socket: Socket, target?: OutboundTarget): Accepted => {
    const transport = new LiveTransport("outbound", "src");
    const { client, clientIp } = clientAddress(socket);
    transport.peerIp = clientIp;
    // The application shares the pod with us: what lies between is the loopback interface.
    transport.tls = "loopback";
    if (target) transport.target = targetName(target);
    recorder.transportOpened(transport);
    return { socket, transport, client, clientIp, released: releaseTransport(recorder, transport) };
  };

  const onRedirected = (socket: Socket): void => {
    try {
      const { ip, port } = originalDestination!(socket);
      if (config.outbound.listen.some((own) => own.port === port) && isOwnHost(ip, config.ownNetworks)) {
        throw new Error("connection was not redirected but made to the proxy itself");
      }
      const target = { kind: "address", ip, port } as const;
      void serveOutbound(accept(socket, target), target, shared);
    } catch (error) {
      log.warn("outbound connection dropped", {
        error: error instanceof Error ? error.message : String(error),
      });
      socket.destroy();
    }
  };

  return {
    gateway: {
      discover: (target) => discoverWithin(target, deps),
      isUnknown: isFallback,
      request: (exchange, policy) => routed.handle(exchange, policy),
      connection: (accepted, policy, target) =>
        serveOpaqueOutbound({ accepted, policy, target: targetName(target), backends, liveSet, deps }),
    },
    async bind() {
      if (config.capture === "transparent") {
        originalDestination = await loadOriginalDestinationReader(process.platform);
        for (const address of config.outbound.listen) {
          listeners.push(
            await listen(address, "outbound proxy", onRedirected, {
              ...listenOptions,
              variable: "MESHCTL_PROXY_OUTBOUND_LISTEN_ADDRS",
            }),
          );
        }
        return;
      }
      for (const address of config.outbound.listen) {
        listeners.push(
          await listen(
            address,
            "outbound HTTP proxy",
            (socket) => void serveHttpProxy(accept(socket), shared),
            { ...listenOptions, variable: "MESHCTL_PROXY_OUTBOUND_LISTEN_ADDRS" },
          ),
        );
      }
      for (const service of config.outbound.services) {
        if ("path" in service.listen && deps.shared?.isFirst === false) continue;
        const target = { kind: "authority", name: service.name, port: service.port } as const;
        listeners.push(
          await listen(
            service.listen,
            `outbound proxy for ${service.name}:${service.port}`,
            (socket) => void serveOutbound(accept(socket, target), target, shared),
            { ...listenOptions, variable: "MESHCTL_PROXY_OUTBOUND_SERVICES" },
          ),
        );
      }
    },
    start() {
      for (const listener of listeners) listener.start();
    },
    async drain(deadline) {
      await Promise.all(listeners.map((listener) => listener.stop()));
      await liveSet.drain(deadline);
      backends.close();
    },
    close() {
      for (const listener of listeners) void listener.stop();
      liveSet.destroy();
      backends.close();
    },
  };
}
