import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { LiveExchange, LiveTransport } from "../../observe/live-exchange.ts";
import type { H2Settings } from "../../wire/h2-settings.ts";
import type { ClientChannel } from "./client-channel.ts";
import { H2ClientConnection } from "./h2-client-connection.ts";

export interface H2PoolOptions {
  readonly dial: (live: LiveExchange, signal: AbortSignal) => Promise<Duplex>;
  /** Opens the books of a new connection. */
  readonly openTransport: (live: LiveExchange) => LiveTransport;
  readonly closeTransport: (transport: LiveTransport, errno: string) => void;
  readonly clock: Clock;
  /** What we ask of the server; absent: the defaults. */
  readonly settings?: H2Settings | undefined;
}

/** To one server, count. A server that takes hardly any streams is not to use up our ports. */
const CONNECTIONS_MAX = 64;

interface Waiter {
  readonly live: LiveExchange;
  resolve(channel: ClientChannel): void;
  reject(error: unknown): void;
}

/**
 * The HTTP/2 connections to one server: one, and more only while its streams run out.
 *
 *     request -> a connection with room -> its stream
 *             \-> none: wait -> (one dial at a time) -> streams for all who wait -> still some left: dial again
 *
 * At CONNECTIONS_MAX, requests wait for streams of others to end. A dial that fails fails all who wait for it: each of them then looks for another server.
 */
export class H2Pool {
  readonly #options: H2PoolOptions;
  readonly #connections = new Set<H2ClientConnection>();
  readonly #waiting = new Set<Waiter>();
  #dialling: AbortController | undefined;
  #isClosed = false;
  /** What the server said last, on any connection. A new one would get all who wait, and refuse them, before it says so again. */
  #streamsMax = Number.POSITIVE_INFINITY;

  constructor(options: H2PoolOptions) {
    this.#options = options;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  take(): ClientChannel | undefined {
    for (const connection of this.#connections) {
      const channel = connection.take();
      if (channel) return channel;
    }
    return undefined;
  }

  connect(live: LiveExchange, signal: AbortSignal): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#waiting.delete(waiter);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = () => {
        settle();
        // Nobody is left who wants the connection.
        if (this.#waiting.size === 0) this.#dialling?.abort();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        live,
        resolve(channel) {
          settle();
          resolve(channel);
        },
        reject(error) {
          settle();
          reject(error);
        },
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
      if (!this.#dialling && this.#connections.size < CONNECTIONS_MAX) this.#dial(live);
    });
  }

  /** Connections close as their streams end; no new ones are kept. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.retire();
  }

  destroy(): void {
    this.close();
    this.#dialling?.abort();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #dial(live: LiveExchange): void {
    const dialling = new AbortController();
    this.#dialling = dialling;
    this.#options.dial(live, dialling.signal).then(
      (socket) => {
        this.#dialling = undefined;
        this.#adopt(socket, live);
        this.#serve();
      },
      (error: unknown) => {
        this.#dialling = undefined;
        // Those who came after an abort did not mean to share its end.
        if (dialling.signal.aborted && this.#waiting.size > 0) this.#dialAgain();
        else for (const waiter of [...this.#waiting]) waiter.reject(error);
      },
    );
  }

  #adopt(socket: Duplex, live: LiveExchange): void {
    const transport = this.#options.openTransport(live);
    const connection = new H2ClientConnection({
      socket,
      transport,
      clock: this.#options.clock,
      settings: this.#options.settings,
      streamsMax: this.#streamsMax,
      onChange: () => {
        this.#streamsMax = connection.streamsMax;
        this.#serve();
      },
      onClosed: (closed, errno) => {
        this.#connections.delete(closed);
        this.#options.closeTransport(transport, errno);
        this.#serve();
      },
    });
    if (connection.isUsable) this.#connections.add(connection);
    else for (const waiter of [...this.#waiting]) waiter.reject(closedAtOnce());
  }

  #serve(): void {
    if (this.#waiting.size === 0 && !this.#isClosed) return;
    for (const waiter of [...this.#waiting]) {
      const channel = this.take();
      if (!channel) break;
      waiter.resolve(channel);
    }
    const mayDial = !this.#dialling && this.#connections.size < CONNECTIONS_MAX;
    if (this.#waiting.size > 0 && mayDial) this.#dialAgain();
    // One that was dialled for a pool that closed meanwhile serves who waited for it, and no more.
    if (this.#isClosed) for (const connection of this.#connections) connection.retire();
  }

  #dialAgain(): void {
    const [first] = this.#waiting;
    this.#dial(first!.live);
  }
}

function closedAtOnce(): MeshError {
  return new MeshError({
    kind: "environment",
    code: "UPSTREAM_CLOSED",
    message: "server closed the connection as soon as it stood",
  });
}
