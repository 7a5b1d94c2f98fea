/** Counters that a row has in a frame, after the buckets of its histogram (see histogram.ts: 464 of them). */
export const COUNTER = {
  requests: 464,
  successes: 465,
  failures: 466,
  denied: 467,
  retries: 468,
  timeouts: 469,
  tcpOpened: 470,
  readBytes: 471,
  writeBytes: 472,
} as const;

/** Columns a row can have: 464 buckets and the counters, rounded up to a power of two. */
const COLUMNS = 512;
const ENTRIES_MIN = 64;

/**
 * Counts of one span of time, sparse: (row, column) -> count in an open-addressing table.
 *
 *   key   = row * 512 + column + 1      0 is an empty place
 *   place = key * golden ratio, upper bits; collisions step by one; the table doubles at 3/4
 *
 * At `entriesMax` it grows no more: a new latency bucket of a row is then counted in the bucket of its power of two, and
 * what still finds no place is counted in `dropped`. 12 bytes an entry.
 */
export class CountFrame {
  /** Which span this frame holds; -1 when it was never used. */
  span = -1;
  dropped = 0;
  readonly #entriesMax: number;
  #keys = new Uint32Array(ENTRIES_MIN);
  #counts = new Float64Array(ENTRIES_MIN);
  #used = 0;

  /** @param entriesMax a power of two */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** Empties the frame for another span. A table that was much too large is given back. */
  restart(span: number): void {
    this.span = span;
    this.dropped = 0;
    if (this.#keys.length > ENTRIES_MIN && this.#used * 8 < this.#keys.length) {
      this.#keys = new Uint32Array(this.#keys.length / 2);
      this.#counts = new Float64Array(this.#keys.length);
    } else {
      this.#keys.fill(0);
    }
    this.#used = 0;
  }

  add(row: number, column: number, count: number): void {
    let key = row * COLUMNS + column + 1;
    let place = this.#find(key);
    if (this.#keys[place] !== key && this.#isFull()) {
      if (column < COUNTER.requests && column >= 16) {
        key = row * COLUMNS + (column & ~15) + 8 + 1;
        place = this.#find(key);
      }
      // A quarter of the places stays empty until here: counters and coarse buckets may use half of those.
      if (this.#keys[place] !== key && this.#used >= (this.#keys.length / 8) * 7) {
        this.dropped += count;
        return;
      }
    }
    if (this.#keys[place] === key) {
      this.#counts[place]! += count;
      return;
    }
    this.#keys[place] = key;
    this.#counts[place] = count;
    this.#used++;
    if (this.#used > (this.#keys.length / 4) * 3 && this.#keys.length < this.#entriesMax) this.#grow();
  }

  forEach(visit: (row: number, column: number, count: number) => void): void {
    const keys = this.#keys;
    for (let place = 0; place < keys.length; place++) {
      const key = keys[place]!;
      if (key !== 0) visit(Math.floor((key - 1) / COLUMNS), (key - 1) % COLUMNS, this.#counts[place]!);
    }
  }

  get bytes(): number {
    return this.#keys.byteLength + this.#counts.byteLength;
  }

  #isFull(): boolean {
    return this.#keys.length >= this.#entriesMax && this.#used >= (this.#keys.length / 4) * 3;
  }

  /** The place of a key, or the empty place where it would go. */
  #find(key: number): number {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let place = (Math.imul(key, 0x9e3779b1) >>> 12) & mask;
    while (keys[place] !== 0 && keys[place] !== key) place = (place + 1) & mask;
    return place;
  }

  #grow(): void {
    const keys = this.#keys;
    const counts = this.#counts;
    this.#keys = new Uint32Array(keys.length * 2);
    this.#counts = new Float64Array(keys.length * 2);
    for (let place = 0; place < keys.length; place++) {
      if (keys[place] === 0) continue;
      const to = this.#find(keys[place]!);
      this.#keys[to] = keys[place]!;
      this.#counts[to] = counts[place]!;
    }
  }
}
