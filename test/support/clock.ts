import type { Clock, Timer } from "../../src/base/clock.ts";

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until `advance`. Timers fire in order of their due time, then of their creation; one that a
 * callback schedules fires in the same `advance` when it falls within it.
 */
export class FakeClock implements Clock {
  #elapsedMs = 0;
  #jumpedMs = 0;
  #order = 0;
  readonly #startMs: number;
  readonly #entries = new Set<Entry>();

  /** @param startMs wall clock at the start; by default 2026-01-02T03:04:05.678Z */
  constructor(startMs: number = Date.UTC(2026, 0, 2, 3, 4, 5, 678)) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#jumpedMs + this.#elapsedMs;
  }

  /** Sets the wall clock; timers and the monotonic clock know nothing of it. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const entry = { dueMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#entries.add(entry);
    return { cancel: () => void this.#entries.delete(entry) };
  }

  /** How many timers wait: a test asserts that nothing was leaked. */
  get pending(): number {
    return this.#entries.size;
  }

  /** Milliseconds until the next timer; undefined when none waits. */
  get nextDelayMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.dueMs - this.#elapsedMs;
  }

  /** Moves time and fires what falls due, synchronously. */
  advance(ms: number): void {
    const untilMs = this.#elapsedMs + ms;
    for (let next = this.#next(); next !== undefined && next.dueMs <= untilMs; next = this.#next()) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      this.#entries.delete(next);
      next.callback();
    }
    this.#elapsedMs = untilMs;
  }

  /** As `advance`, but lets promises settle before each timer and at the end: for code that awaits between timers. */
  async advanceAsync(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#next(); next !== undefined && next.dueMs <= untilMs; next = this.#next()) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      this.#entries.delete(next);
      next.callback();
      await settle();
    }
    this.#elapsedMs = untilMs;
  }

  #next(): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#entries) {
      if (!best || entry.dueMs < best.dueMs || (entry.dueMs === best.dueMs && entry.order < best.order))
        best = entry;
    }
    return best;
  }
}

/** Lets everything that is ready run: microtasks and one turn of the event loop. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
