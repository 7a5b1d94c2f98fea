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
 *     listener -> accept -> proxy port: mesh TLS, transport header     application's port: sniff TLS, detect
 *       -> HTTP:   spans, if any -> in-flight limit -> own version -> route, authorization, filters, rate limit -> client id -> application -> response
 *       -> opaque: authorization -> application -> copy both ways
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
        listeners.push(await listen(config.inbound.listen, "inbound proxy", onRedirected, listenOptions));
        return;
      }
      listeners.push(await listen(config.inbound.listen, "inbound proxy", onDirect, listenOptions));
      for (const { listen: address, target } of config.inbound.listeners) {
        const application = { ip: address.host, port: address.port, dial: target };
        listeners.push(
          await listen(
            address,
            `inbound proxy for port ${address.port}`,
            (socket) => void serveInbound(socket, application, shared),
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
      applications.close();
    },
    close() {
      for (const listener of listeners) void listener.stop();
      liveSet.destroy();
      applications.close();
    },
  };
}
