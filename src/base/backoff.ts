export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** Share of the delay added at random, 0 to 1: 0.1 adds up to 10 %. */
  readonly jitterRatio: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Exponential back-off: min, 2 min, 4 min ... up to max, each with jitter on top (never above max). */
export class Backoff {
  readonly #options: BackoffOptions;
  #attempt = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The next delay in milliseconds. */
  nextMs(): number {
    const { minMs, maxMs, jitterRatio, random } = this.#options;
    const baseMs = Math.min(maxMs, minMs * 2 ** this.#attempt);
    if (baseMs < maxMs) this.#attempt++;
    return Math.min(maxMs, baseMs + baseMs * jitterRatio * random());
  }

  /** Starts again at the minimum, after a success. */
  reset(): void {
    this.#attempt = 0;
  }
}
