import type { Duplex } from "node:stream";
import { MeshError } from "../../base/error.ts";
import { joinHostPort } from "../../base/ip.ts";
import { type DialTarget, dial } from "../../net/dial.ts";
import { type LiveExchange, LiveTransport } from "../../observe/live-exchange.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { ConnectQueue } from "../http/connect-queue.ts";
import { HttpOrigin } from "../http/origin.ts";

/** Where a connection of the pod goes: the application behind one of its ports. */
export interface ApplicationTarget {
  /** What the client wanted: the pod's address and port. */
  readonly ip: string;
  readonly port: number;
  /** Where the application listens: the same place under transparent capture. */
  readonly dial: DialTarget;
}

/** The connections to the application, by where it listens. They are kept while the proxy runs: a pod has few ports. */
export class Applications {
  readonly #deps: ProxyDependencies;
  readonly #origins = new Map<string, HttpOrigin>();

  constructor(deps: ProxyDependencies) {
    this.#deps = deps;
  }

  origin(target: ApplicationTarget): HttpOrigin {
    const key = "path" in target.dial ? target.dial.path : joinHostPort(target.dial.host, target.dial.port);
    let origin = this.#origins.get(key);
    if (!origin) {
      const { recorder, clock, config } = this.#deps;
      origin = new HttpOrigin({
        dial: (live, signal) => this.dial(target, live, signal),
        createTransport: (live) => this.createTransport(live),
        recorder,
        clock,
        idleTimeoutMs: config.inbound.poolIdleTimeoutMs,
        idleConnectionsMax: config.inbound.maxIdleConnections,
        http2: config.http2Client,
        queue: new ConnectQueue({
          capacity: config.inbound.queueCapacity,
          timeoutMs: config.inbound.failfastTimeoutMs,
          clock,
        }),
      });
      this.#origins.set(key, origin);
    }
    return origin;
  }

  /** @throws MeshError `DIAL_*` */
  async dial(target: ApplicationTarget, live: LiveExchange, signal: AbortSignal): Promise<Duplex> {
    const { config, clock } = this.#deps;
    if ("port" in target.dial) this.#refuseOwnPort(target.dial.port);
    const socket = await dial({
      target: target.dial,
      localAddress: undefined,
      timeoutMs: config.inbound.connectTimeoutMs,
      tuning: this.#deps.sockets?.inbound.connect,
      clock,
      signal,
    });
    live.dialled = clock.monotonic();
    return socket;
  }

  /**
   * A peer names the port that it wants. The proxy's own ports are not the application: on the outbound ones a peer could make
   * requests with this pod's identity, on the inbound one it would send us in circles.
   */
  #refuseOwnPort(port: number): void {
    const { inbound, outbound, admin } = this.#deps.config;
    const isOwn =
      port === inbound.listen.port ||
      (port === admin.listen.port && port !== 0) ||
      outbound.listen.some((listen) => listen.port === port) ||
      outbound.services.some(({ listen }) => "port" in listen && listen.port === port);
    if (!isOwn) return;
    throw new MeshError({
      kind: "environment",
      code: "DIAL_LOOP",
      message: `port ${port} is the proxy's own`,
      hint: "let the application listen on another port",
    });
  }

  createTransport(live: LiveExchange): LiveTransport {
    const transport = new LiveTransport("inbound", "dst");
    transport.tls = "loopback";
    transport.target = live.target;
    transport.parent = live.parent;
    return transport;
  }

  close(): void {
    for (const origin of this.#origins.values()) origin.destroy();
    this.#origins.clear();
  }
}
