import type { Clock } from "../base/clock.ts";

/** Offences forgiven, count per second; each stream that ends well forgives one more. */
const FORGIVEN_PER_S = 50;

/**
 * How much trouble a peer may make that is legal in small numbers and an attack in large ones: streams opened and reset at
 * once (rapid reset, CVE-2023-44487), streams that make us reset them, empty frames.
 *
 * A proxy that carries many clients resets streams whenever they leave, so work that ends well counts in a peer's favour.
 */
export class H2Budget {
  readonly #clock: Clock;
  readonly #burst: number;
  #left: number;
  #refilledAt: number;

  /** @param burst offences that a connection may commit at once, count */
  constructor(clock: Clock, burst: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#left = burst;
    this.#refilledAt = clock.monotonic();
  }

  /** @returns false when the peer has gone too far */
  offence(): boolean {
    if (--this.#left >= 0) return true;
    const now = this.#clock.monotonic();
    this.#left = Math.min(this.#burst, Math.floor(((now - this.#refilledAt) / 1000) * FORGIVEN_PER_S)) - 1;
    this.#refilledAt = now;
    return this.#left >= 0;
  }

  /** A stream was served to its end. */
  served(): void {
    if (this.#left < this.#burst) this.#left++;
  }
}
