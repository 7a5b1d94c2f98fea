/** How many requests run at once. */
export interface InFlightCount {
  /** @returns false when there are as many already */
  enter(max: number): boolean;
  leave(): void;
}

/** Of this thread. */
export class LocalCount implements InFlightCount {
  #count = 0;

  enter(max: number): boolean {
    if (this.#count >= max) return false;
    this.#count++;
    return true;
  }

  leave(): void {
    this.#count--;
  }
}

/** Of all threads that share the memory. */
export class SharedCount implements InFlightCount {
  readonly #count: Int32Array;

  /** @param memory four bytes, zero at first */
  constructor(memory: SharedArrayBuffer) {
    this.#count = new Int32Array(memory);
  }

  enter(max: number): boolean {
    if (Atomics.add(this.#count, 0, 1) < max) return true;
    Atomics.sub(this.#count, 0, 1);
    return false;
  }

  leave(): void {
    Atomics.sub(this.#count, 0, 1);
  }
}
