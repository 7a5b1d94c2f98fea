import type { Clock, Timer } from "../../base/clock.ts";
import type { HttpClientConnection } from "./client-connection.ts";

export interface ConnectionPoolOptions {
  readonly idleTimeoutMs: number;
  readonly idleConnectionsMax: number;
  readonly clock: Clock;
}

/**
 * Idle connections to one server. The one that was used last is taken first, so that the others run out of use and
 * close. One timer for all.
 *
 *     take --> [oldest ... newest] <-- give       expiry takes from the left
 */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #idle: HttpClientConnection[] = [];
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  take(): HttpClientConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (!connection || connection.isUsable) return connection;
      connection.close();
    }
  }

  /** Keeps a connection for the next request, or closes it when there is no room. */
  give(connection: HttpClientConnection): void {
    if (this.#isClosed || this.#idle.length >= this.#options.idleConnectionsMax) {
      connection.close();
      return;
    }
    connection.idleSince = this.#options.clock.monotonic();
    this.#idle.push(connection);
    this.#arm();
  }

  /** A connection closed while it was idle. */
  forget(connection: HttpClientConnection): void {
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Closes what is idle; what is in use is closed as it comes back. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  #arm(): void {
    if (this.#timer || this.#idle.length === 0) return;
    const { clock, idleTimeoutMs } = this.#options;
    const dueMs = this.#idle[0]!.idleSince + idleTimeoutMs - clock.monotonic();
    this.#timer = clock.schedule(Math.max(1, dueMs), () => {
      this.#timer = undefined;
      this.#expire();
      this.#arm();
    });
  }

  #expire(): void {
    const { clock, idleTimeoutMs } = this.#options;
    // Timers may fire a fraction early; what is that close to its end is not worth another one.
    const before = clock.monotonic() - idleTimeoutMs + 1;
    let count = 0;
    while (count < this.#idle.length && this.#idle[count]!.idleSince <= before) count++;
    for (const connection of this.#idle.splice(0, count)) connection.close();
  }
}
