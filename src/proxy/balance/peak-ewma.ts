/** Below this a default RTT would make an untried endpoint irresistible, ms. */
const DEFAULT_RTT_MS_MIN = 1;

/**
 * Estimate of an endpoint's latency that rises at once and falls slowly: a peak counts until time has worn it off.
 *
 * @see reference: proxy section 10 (Balancer); Finagle's PeakEwma
 */
export class PeakEwma {
  readonly #decayMs: number;
  #rttMs: number;
  #updatedAt: number;

  /** @param now monotonic ms */
  constructor(defaultRttMs: number, decayMs: number, now: number) {
    this.#rttMs = Math.max(DEFAULT_RTT_MS_MIN, defaultRttMs);
    this.#decayMs = decayMs;
    this.#updatedAt = now;
  }

  observe(rttMs: number, now: number): void {
    const current = this.read(now);
    if (rttMs >= current) {
      this.#rttMs = rttMs;
    } else {
      const weight = Math.exp(-(now - this.#updatedAt) / this.#decayMs);
      this.#rttMs = this.#rttMs * weight + rttMs * (1 - weight);
    }
    this.#updatedAt = now;
  }

  /** A failure counts as this latency, unless the estimate is higher already: an endpoint must not gain by failing fast. */
  raise(rttMs: number, now: number): void {
    this.#rttMs = Math.max(rttMs, this.read(now));
    this.#updatedAt = now;
  }

  /** The estimate, decayed toward 0 by the time since the last sample: an endpoint that was slow is tried again some day. */
  read(now: number): number {
    return this.#rttMs * Math.exp(-(now - this.#updatedAt) / this.#decayMs);
  }
}
