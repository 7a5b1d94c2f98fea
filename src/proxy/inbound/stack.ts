import type { Socket } from "node:net";
import { normaliseIp } from "../../base/ip.ts";
import type { DialTarget } from "../../net/dial.ts";
import { type Listener, type ListenOptions, listen } from "../../net/listen.ts";
import { LiveSet } from "../../net/live-set.ts";
import {
  loadOriginalDestinationReader,
  type OriginalDestinationReader,
} from "../../net/original-destination.ts";
import { limitConnections } from "../accept/limit-connections.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { limitInFlight } from "../layers/limit-in-flight.ts";
import { createRescue } from "../layers/rescue.ts";
import { traceRequests } from "../layers/trace-requests.ts";
import type { ProxySide } from "../proxy-side.ts";
import { Applications } from "./application.ts";
import { type InboundShared, serveDirect, serveInbound } from "./connection.ts";
import { forwardToGateway } from "./gateway.ts";
import { applyPolicy, callApplication, keepDeadline, restoreHttp1, setClientId } from "./http-layers.ts";

/**
 * The inbound side: what comes to the application.
 *
 *     connection
 *       listener             connection limit; original destination, or the listener's own port (explicit capture)
 *       proxy port (4143)    mesh TLS with a client certificate -> transport header: a port of ours, or a name (gateway)
 *       application's port   by its policy: TLS sniffed, ours terminated -> first bytes: HTTP, or opaque
 *
 *     request                file                    what it may answer itself
 *       rescue               layers/rescue           (makes an answer of whatever fails below; a stranger does not hear why)
 *       spans                layers/trace-requests   only where there is a collector
 *       in-flight limit      layers/limit-in-flight  503
 *       own version          http-layers             HTTP/1 that came over HTTP/2 is HTTP/1 again
 *       policy of the port   http-layers             route 404, authorization 403, filters, rate limit 429
 *       client id            http-layers             l5d-client-id: the peer's, never the client's own claim
 *       gRPC deadline        http-layers             504: what is left goes on to the application
 *       application          application             queue 503 and 504, connections 502 and 504
 *     of a gateway, after the policy: gateway.ts (loop 508, name 404) -> the outbound side's layers, from the route on
 *
 *     opaque bytes           opaque.ts: authorization, again whenever the policy changes -> application -> copy both ways
 */
export function createInboundProxy(deps: ProxyDependencies): ProxySide {
  const { config, log } = deps;
  const liveSet = new LiveSet();
  const applications = new Applications(deps);
  const listeners: Listener[] = [];
  let originalDestination: OriginalDestinationReader | undefined;

  const listenOptions: ListenOptions = {
    tuning: deps.sockets?.inbound.accept,
    limit: limitConnections("inbound", deps),
    backlog: config.inbound.sockets.backlog,
    reusePort: deps.shared !== undefined,
  };

  // The layers of a request, innermost first; one instance of each serves all connections.
  const called = callApplication(applications, liveSet);
  const timed = keepDeadline(called, deps.clock);
  const identified = setClientId(timed);
  const permitted = applyPolicy(identified, deps);
  const restored = restoreHttp1(permitted);

  const onUnexpected = (error: { code: string; message: string }) =>
    log.error("unexpected error", { code: error.code, error: error.message });
  const rescueStranger = createRescue({ isInformational: () => false, onUnexpected });
  const rescuePeer = createRescue({ isInformational: () => true, onUnexpected });

  const shared: InboundShared = {
    deps,
    liveSet,
    applications,
    limit: traceRequests(
      deps.tracing,
      limitInFlight(config.inbound.maxInFlight, deps.shared?.inboundInFlight),
    ),
    requests: restored,
    gatewayRequests: deps.gateway && restoreHttp1(applyPolicy(forwardToGateway(deps.gateway, deps), deps)),
    rescue: (exchange, cause, isAuthenticated) =>
      isAuthenticated ? rescuePeer(exchange, cause) : rescueStranger(exchange, cause),
  };

  /** Explicit capture: the application behind a port of the pod, wherever it was told to listen. */
  const explicitTarget = (port: number): { ip: string; dial: DialTarget } => {
    const listener = config.inbound.listeners.find((each) => each.listen.port === port);
    const ip = listener?.listen.host ?? config.inbound.listen.host;
    return { ip, dial: listener?.target ?? { host: config.inbound.appHost ?? "127.0.0.1", port } };
  };

  const onDirect = (socket: Socket): void => {
    const ip = normaliseIp(socket.localAddress ?? "");
    void serveDirect(socket, explicitTarget, { ip, port: config.inbound.listen.port }, shared);
  };

  const onRedirected = (socket: Socket): void => {
    let destination: { ip: string; port: number };
    try {
      destination = originalDestination!(socket);
    } catch (error) {
      log.warn("inbound connection dropped", {
        error: error instanceof Error ? error.message : String(error),
      });
      socket.destroy();
      return;
    }
    const { ip, port } = destination;
    if (config.inbound.ips && !config.inbound.ips.has(ip)) {
      log.warn("inbound connection dropped: its destination is not this pod", { destination: ip });
      socket.destroy();
    } else if (port === config.inbound.listen.port) {
      const resolve = (wanted: number) => ({ ip, dial: { host: ip, port: wanted } });
      void serveDirect(socket, resolve, destination, shared);
    } else {
      void serveInbound(socket, { ip, port, dial: { host: ip, port } }, shared);
    }
  };

  return {
    async bind() {
      if (config.capture === "transparent") {
        originalDestination = await loadOriginalDestinationReader(process.platform);
        listeners.push(
          await listen(config.inbound.listen, "inbound proxy", onRedirected, {
            ...listenOptions,
            variable: "MESHCTL_PROXY_INBOUND_LISTEN_ADDR",
          }),
        );
        return;
      }
      listeners.push(
        await listen(config.inbound.listen, "inbound proxy", onDirect, {
          ...listenOptions,
          variable: "MESHCTL_PROXY_INBOUND_LISTEN_ADDR",
        }),
      );
      for (const { listen: address, target } of config.inbound.listeners) {
        const application = { ip: address.host, port: address.port, dial: target };
        listeners.push(
          await listen(
            address,
            `inbound proxy for port ${address.port}`,
            (socket) => void serveInbound(socket, application, shared),
            { ...listenOptions, variable: "MESHCTL_PROXY_INBOUND_LISTENERS" },
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
      applications.close();
    },
    close() {
      for (const listener of listeners) void listener.stop();
      liveSet.destroy();
      applications.close();
    },
  };
}
