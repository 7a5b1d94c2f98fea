import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import type { LiveExchange, LiveTransport, Recorder } from "../../observe/live-exchange.ts";
import type { H2Settings } from "../../wire/h2-settings.ts";
import type { ClientChannel, HttpVersion } from "./client-channel.ts";
import { HttpClientConnection } from "./client-connection.ts";
import type { ConnectQueue } from "./connect-queue.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { H2Pool } from "./h2-pool.ts";

export interface OriginOptions {
  /** Opens a connection for one version of HTTP and says in `live` when it was dialled and secured. */
  readonly dial: (live: LiveExchange, signal: AbortSignal, version: HttpVersion) => Promise<Duplex>;
  /** The books of a new connection. */
  readonly createTransport: (live: LiveExchange) => LiveTransport;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly idleTimeoutMs: number;
  readonly idleConnectionsMax: number;
  /** Bounds the requests that wait for a connection; absent: whoever chose this server does. */
  readonly queue?: ConnectQueue;
  /** What an HTTP/2 server is asked; absent: the defaults. */
  readonly http2?: H2Settings | undefined;
  /** HTTP/1 requests travel over HTTP/2 to the proxy on the other side. Default false. */
  readonly upgrades?: boolean;
}

/** One server: idle HTTP/1 connections, shared HTTP/2 ones, and how to open more. */
export class HttpOrigin {
  readonly upgrades: boolean;
  readonly #options: OriginOptions;
  readonly #pool: ConnectionPool;
  readonly #open = new Set<HttpClientConnection>();
  #h2: H2Pool | undefined;

  constructor(options: OriginOptions) {
    this.#options = options;
    this.upgrades = options.upgrades ?? false;
    this.#pool = new ConnectionPool(options);
  }

  /** Connections that are open, in use or idle. */
  get connectionCount(): number {
    return this.#open.size + (this.#h2?.connectionCount ?? 0);
  }

  /** A way that stands already. */
  take(version: HttpVersion): ClientChannel | undefined {
    return version === "http/1" ? this.#pool.take() : this.#h2?.take();
  }

  /** @throws MeshError `DIAL_*`, `TLS_*` */
  connect(version: HttpVersion, live: LiveExchange, signal: AbortSignal): Promise<ClientChannel> {
    const { queue } = this.#options;
    if (!queue) return this.#connect(version, live, signal);
    return queue.run(signal, (bounded) => this.#connect(version, live, bounded));
  }

  #connect(version: HttpVersion, live: LiveExchange, signal: AbortSignal): Promise<ClientChannel> {
    if (version === "http/1") return this.#connectHttp1(live, signal);
    this.#h2 ??= this.#createH2Pool();
    return this.#h2.connect(live, signal);
  }

  /** Closes idle connections now and the others as their exchanges end. */
  close(): void {
    this.#pool.close();
    this.#h2?.close();
  }

  /** Cuts every connection. */
  destroy(): void {
    this.#pool.close();
    for (const connection of [...this.#open]) connection.close();
    this.#h2?.destroy();
  }

  async #connectHttp1(live: LiveExchange, signal: AbortSignal): Promise<HttpClientConnection> {
    const socket = await this.#options.dial(live, signal, "http/1");
    const transport = this.#openTransport(live);
    const connection = new HttpClientConnection({
      socket,
      transport,
      onIdle: (each) => this.#pool.give(each),
      onClosed: (each, errno) => {
        this.#open.delete(each);
        this.#pool.forget(each);
        this.#closeTransport(transport, errno);
      },
    });
    this.#open.add(connection);
    return connection;
  }

  #createH2Pool(): H2Pool {
    return new H2Pool({
      dial: (live, signal) => this.#options.dial(live, signal, "http/2"),
      openTransport: (live) => this.#openTransport(live),
      closeTransport: (transport, errno) => this.#closeTransport(transport, errno),
      clock: this.#options.clock,
      settings: this.#options.http2,
    });
  }

  #openTransport(live: LiveExchange): LiveTransport {
    const transport = this.#options.createTransport(live);
    this.#options.recorder.transportOpened(transport);
    return transport;
  }

  #closeTransport(transport: LiveTransport, errno: string): void {
    transport.errno = errno;
    this.#options.recorder.transportClosed(transport);
  }
}
