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
 *     listener -> accept (target: redirected, listener's own, or by request) -> discover -> detect
 *       -> HTTP:   spans, if any -> in-flight limit -> route, filters -> mirrors, backend, its filters -> balance -> endpoint (mTLS) -> response
 *       -> opaque: route -> backend -> balance -> endpoint (mTLS) -> copy both ways
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
          listeners.push(await listen(address, "outbound proxy", onRedirected, listenOptions));
        }
        return;
      }
      for (const address of config.outbound.listen) {
        listeners.push(
          await listen(
            address,
            "outbound HTTP proxy",
            (socket) => void serveHttpProxy(accept(socket), shared),
            listenOptions,
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
            listenOptions,
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
