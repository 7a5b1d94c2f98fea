/** Buckets of keys that were not used for this long may be taken by others, ms: after one period they are full anyway. */
const FORGET_MS = 10_000;
/** Places that are looked at for one key, count. */
const PROBES_MAX = 32;
const PERIOD_MS = 1000;
/** What rounding to microseconds may add up to within a period, ms. */
const TOLERANCE_MS = 0.05;
const ENTRIES = 8192;

/** Memory that all workers share. */
export interface SharedBucketsMemory {
  readonly tags: SharedArrayBuffer;
  readonly arrivals: SharedArrayBuffer;
}

export function createSharedBucketsMemory(): SharedBucketsMemory {
  return { tags: new SharedArrayBuffer(ENTRIES * 4), arrivals: new SharedArrayBuffer(ENTRIES * 8) };
}

/**
 * Rate limits that hold for all workers together: the buckets of RateLimiter in shared memory.
 *
 *     tags     | 0 | hash of a key | 0 | ...      0: free; claimed by compare-and-exchange
 *     arrivals |   | when its bucket will be empty, microseconds since the epoch | ...
 *
 * Keys are known by their hash alone (13 bits choose the place, 32 other bits tell keys apart). A key that finds no place within
 * its probes is let through: limits would otherwise become anybody's means to shut out everybody else.
 */
export class SharedBuckets {
  readonly #tags: Int32Array;
  readonly #arrivals: BigInt64Array;

  constructor(memory: SharedBucketsMemory) {
    this.#tags = new Int32Array(memory.tags);
    this.#arrivals = new BigInt64Array(memory.arrivals);
  }

  /**
   * Takes one request out of a key's bucket.
   *
   * @param rate requests a second; 0: no limit
   * @param nowMs wall clock: monotonic clocks of threads have nothing in common
   * @returns false when the bucket has no room
   */
  take(key: string, rate: number, nowMs: number): boolean {
    if (rate === 0) return true;
    const place = this.#place(key, nowMs);
    if (place < 0) return true;
    const interval = PERIOD_MS / rate;
    for (;;) {
      const before = Atomics.load(this.#arrivals, place);
      let arrival = Number(before) / 1000;
      // The clock was set back: what was counted by the other time means nothing.
      if (arrival > nowMs + 2 * PERIOD_MS) arrival = 0;
      const next = Math.max(arrival, nowMs) + interval;
      if (next - nowMs > PERIOD_MS + TOLERANCE_MS) return false;
      const after = BigInt(Math.round(next * 1000));
      if (Atomics.compareExchange(this.#arrivals, place, before, after) === before) return true;
    }
  }

  #place(key: string, nowMs: number): number {
    const home = hash(key, 0x811c9dc5) % ENTRIES;
    const tag = hash(key, 0x9747b28c) | 0 || 1;
    let free = -1;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (home + probe) % ENTRIES;
      const found = Atomics.load(this.#tags, at);
      if (found === tag) return at;
      if (free < 0 && (found === 0 || this.#isForgotten(at, nowMs))) free = at;
      if (found === 0) break;
    }
    return free < 0 ? -1 : this.#claim(free, tag);
  }

  #isForgotten(at: number, nowMs: number): boolean {
    return Number(Atomics.load(this.#arrivals, at)) / 1000 < nowMs - FORGET_MS;
  }

  /** Another worker may be quicker: with the same key, which is as well, or with another, and then this request passes. */
  #claim(at: number, tag: number): number {
    const before = Atomics.load(this.#tags, at);
    const found = Atomics.compareExchange(this.#tags, at, before, tag);
    if (found === tag) return at;
    if (found !== before) return -1;
    if (before !== 0) Atomics.store(this.#arrivals, at, 0n);
    return at;
  }
}

/** FNV-1a with a mixing step, from a seed; unsigned 32 bits. */
function hash(text: string, seed: number): number {
  let value = seed;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value ^= value >>> 15;
  value = Math.imul(value, 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
