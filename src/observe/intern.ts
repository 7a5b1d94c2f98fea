/**
 * Bounded table of values that many slots share, so that a slot holds two bytes instead of a string.
 *
 * Counted: a value stays while a slot uses it, then its place is taken by the next new value (until then it can come
 * back for free). When every place is in use, new values share id 0, `other`.
 */
export class InternTable<T> {
  readonly #ids = new Map<T, number>();
  readonly #values: (T | undefined)[];
  readonly #uses: Uint32Array;
  /** Places whose count fell to 0; an entry may be stale (used again since), which taking one checks. */
  readonly #idle: number[] = [];
  readonly #queued: Uint8Array;
  #next = 1;
  /** Times that a new value found no place. */
  overflowed = 0;

  /** @param capacity places beside `other`, at most 65535 */
  constructor(capacity: number, other: T) {
    this.#values = new Array<T | undefined>(Math.min(capacity, 65_535) + 1).fill(undefined);
    this.#values[0] = other;
    this.#uses = new Uint32Array(this.#values.length);
    this.#queued = new Uint8Array(this.#values.length);
  }

  /** The id of a value; each call must be matched by one `release`. */
  acquire(value: T): number {
    const known = this.#ids.get(value);
    if (known !== undefined) {
      this.#uses[known]!++;
      return known;
    }
    const id = this.#place();
    if (id === 0) {
      this.overflowed++;
      return 0;
    }
    this.#ids.set(value, id);
    this.#values[id] = value;
    this.#uses[id] = 1;
    return id;
  }

  release(id: number): void {
    if (id === 0) return;
    const left = --this.#uses[id]!;
    if (left === 0 && this.#queued[id] === 0) {
      this.#queued[id] = 1;
      this.#idle.push(id);
    }
  }

  /** Counts one more use of an id that is in use (copying a slot). */
  retain(id: number): void {
    if (id !== 0) this.#uses[id]!++;
  }

  value(id: number): T {
    return this.#values[id] as T;
  }

  #place(): number {
    if (this.#next < this.#values.length) return this.#next++;
    for (let id = this.#idle.pop(); id !== undefined; id = this.#idle.pop()) {
      this.#queued[id] = 0;
      if (this.#uses[id] !== 0) continue;
      this.#ids.delete(this.#values[id] as T);
      return id;
    }
    return 0;
  }
}
