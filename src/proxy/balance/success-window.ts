/** Finer than this the share of successes would not change any decision. @see reference: proxy section 10 (Unified) */
const BUCKETS = 10;

/**
 * Counts responses over the time just past.
 *
 *     | bucket | bucket | ... | bucket now |     each `windowMs / 10` wide; one that comes round again starts at nothing
 */
export class SuccessWindow {
  readonly #bucketMs: number;
  readonly #good = new Uint32Array(BUCKETS);
  readonly #bad = new Uint32Array(BUCKETS);
  #goodSum = 0;
  #badSum = 0;
  /** Number of the bucket that `now` was in, counted from the clock's zero. */
  #tick: number;

  constructor(windowMs: number, now: number) {
    this.#bucketMs = Math.max(windowMs / BUCKETS, 1);
    this.#tick = Math.floor(now / this.#bucketMs);
  }

  count(isGood: boolean, now: number): void {
    this.#advance(now);
    const at = this.#tick % BUCKETS;
    if (isGood) {
      this.#good[at] = this.#good[at]! + 1;
      this.#goodSum++;
    } else {
      this.#bad[at] = this.#bad[at]! + 1;
      this.#badSum++;
    }
  }

  /** How many were counted in the window that ends now. */
  total(now: number): number {
    this.#advance(now);
    return this.#goodSum + this.#badSum;
  }

  /** Share of the good ones, 0 to 1; 1 when nothing was counted. */
  rate(now: number): number {
    const total = this.total(now);
    return total === 0 ? 1 : this.#goodSum / total;
  }

  clear(): void {
    this.#good.fill(0);
    this.#bad.fill(0);
    this.#goodSum = 0;
    this.#badSum = 0;
  }

  #advance(now: number): void {
    const tick = Math.floor(now / this.#bucketMs);
    if (tick <= this.#tick) return;
    if (tick - this.#tick >= BUCKETS) this.clear();
    for (let each = Math.max(this.#tick + 1, tick - BUCKETS + 1); each <= tick; each++) {
      const at = each % BUCKETS;
      this.#goodSum -= this.#good[at]!;
      this.#badSum -= this.#bad[at]!;
      this.#good[at] = 0;
      this.#bad[at] = 0;
    }
    this.#tick = tick;
  }
}
