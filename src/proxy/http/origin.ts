import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import type { LiveExchange, LiveTransport, Recorder } from "../../observe/live-exchange.ts";
import { HttpClientConnection } from "./client-connection.ts";
import { ConnectionPool } from "./connection-pool.ts";

export interface OriginOptions {
  /** Opens a connection and says in `live` when it was dialled and secured. */
  readonly dial: (live: LiveExchange, signal: AbortSignal) => Promise<Duplex>;
  /** The books of a new connection. */
  readonly createTransport: (live: LiveExchange) => LiveTransport;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly idleTimeoutMs: number;
  readonly idleConnectionsMax: number;
}

/** One server that speaks HTTP/1: its idle connections, and how to open more. */
export class HttpOrigin {
  readonly #options: OriginOptions;
  readonly #pool: ConnectionPool;
  readonly #open = new Set<HttpClientConnection>();

  constructor(options: OriginOptions) {
    this.#options = options;
    this.#pool = new ConnectionPool(options);
  }

  /** Connections that are open, in use or idle. */
  get connectionCount(): number {
    return this.#open.size;
  }

  take(): HttpClientConnection | undefined {
    return this.#pool.take();
  }

  async connect(live: LiveExchange, signal: AbortSignal): Promise<HttpClientConnection> {
    const { recorder } = this.#options;
    const socket = await this.#options.dial(live, signal);
    const transport = this.#options.createTransport(live);
    recorder.transportOpened(transport);
    const connection = new HttpClientConnection({
      socket,
      transport,
      onIdle: (each) => this.#pool.give(each),
      onClosed: (each, errno) => {
        this.#open.delete(each);
        this.#pool.forget(each);
        transport.errno = errno;
        recorder.transportClosed(transport);
      },
    });
    this.#open.add(connection);
    return connection;
  }

  /** Closes idle connections now and the others as their exchanges end. */
  close(): void {
    this.#pool.close();
  }

  /** Cuts every connection. */
  destroy(): void {
    this.#pool.close();
    for (const connection of [...this.#open]) connection.close();
  }
}
