import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";

/** Counts what is open; of one thread, or of all that share memory. */
export interface OpenCount {
  /** @returns false when there are as many already */
  enter(max: number): boolean;
  leave(): void;
}

export interface ConnectionLimitOptions {
  readonly max: number;
  readonly count: OpenCount;
  readonly clock: Clock;
  /** Told of refusals: of the first at once, then at most every REPORT_MS, with how many there were since. */
  readonly onRefused: (refused: number) => void;
}

const REPORT_MS = 10_000;

/**
 * Bounds the connections that are open at once. One beyond the bound is reset as soon as it is accepted: its client learns at once
 * that it should try elsewhere, and what is served already stays fast.
 */
export class ConnectionLimit {
  readonly #options: ConnectionLimitOptions;
  #refused = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
  }

  /** @returns false: the socket is reset */
  admit(socket: Socket): boolean {
    const { count, max } = this.#options;
    if (count.enter(max)) {
      socket.once("close", this.#leave);
      return true;
    }
    socket.resetAndDestroy();
    this.#report();
    return false;
  }

  readonly #leave = (): void => this.#options.count.leave();

  #report(): void {
    this.#refused++;
    const { clock, onRefused } = this.#options;
    const now = clock.monotonic();
    if (now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    onRefused(this.#refused);
    this.#refused = 0;
  }
}
