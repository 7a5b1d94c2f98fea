import type { Clock, Timer } from "../../base/clock.ts";
import type { Watched } from "../dependencies.ts";

/** A value with listeners. The one who feeds it and those who read it are different types. */
export class WatchedCell<T> {
  #current: T;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(initial: T) {
    this.#current = initial;
  }

  get current(): T {
    return this.#current;
  }

  set(value: T): void {
    if (value === this.#current) return;
    this.#current = value;
    // A copy: listeners may unsubscribe, or subscribe, while they are told.
    for (const listener of [...this.#listeners]) listener(value);
  }

  onChange(listener: (value: T) => void): () => void {
    // A wrapper of its own, so that one function may be subscribed twice.
    const entry = (value: T) => listener(value);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }
}

export interface SharedWatchesOptions<K, V> {
  readonly keyOf: (key: K) => string;
  /** Starts what feeds the value; the signal aborts when nobody needs it any more. */
  readonly start: (key: K, signal: AbortSignal) => V;
  /** How long an unused entry is kept, ms. */
  readonly idleMs: number;
  readonly clock: Clock;
}

interface Entry<V> {
  readonly value: V;
  readonly stop: AbortController;
  holders: number;
  idle: Timer | undefined;
}

/**
 * One feed a key, shared by all who hold it.
 *
 * ```
 *   absent --hold--> held --last release--> idle --idleMs--> absent (its signal aborts)
 *                     ^                      |
 *                     +--------hold----------+
 * ```
 */
export class SharedWatches<K, V> {
  readonly #options: SharedWatchesOptions<K, V>;
  readonly #entries = new Map<string, Entry<V>>();

  constructor(options: SharedWatchesOptions<K, V>) {
    this.#options = options;
  }

  /** How many entries live, idle ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Call `release` once; a second call does nothing. */
  hold(key: K): { readonly value: V; readonly release: () => void } {
    const id = this.#options.keyOf(key);
    let entry = this.#entries.get(id);
    if (!entry) {
      const stop = new AbortController();
      entry = { value: this.#options.start(key, stop.signal), stop, holders: 0, idle: undefined };
      this.#entries.set(id, entry);
    }
    entry.holders++;
    entry.idle?.cancel();
    entry.idle = undefined;
    let isHeld = true;
    const held = entry;
    return {
      value: held.value,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#release(id, held);
      },
    };
  }

  /** Ends every feed, whoever holds it. */
  close(): void {
    for (const entry of this.#entries.values()) {
      entry.idle?.cancel();
      entry.stop.abort();
    }
    this.#entries.clear();
  }

  /** Drops an entry whose feed failed for good, so that the next one to ask starts anew. Present holders keep what they have. */
  forget(key: K): void {
    const id = this.#options.keyOf(key);
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    entry.idle?.cancel();
    entry.stop.abort();
  }

  #release(id: string, entry: Entry<V>): void {
    if (--entry.holders > 0 || this.#entries.get(id) !== entry) return;
    entry.idle = this.#options.clock.schedule(this.#options.idleMs, () => {
      this.#entries.delete(id);
      entry.stop.abort();
    });
  }
}

/** A holder's view of a cell. */
export function watchedView<T>(cell: WatchedCell<T>, release: () => void): Watched<T> {
  const unsubscribes = new Set<() => void>();
  return {
    get current() {
      return cell.current;
    },
    onChange(listener) {
      const unsubscribe = cell.onChange(listener);
      unsubscribes.add(unsubscribe);
      return () => {
        unsubscribes.delete(unsubscribe);
        unsubscribe();
      };
    },
    release() {
      for (const unsubscribe of unsubscribes) unsubscribe();
      unsubscribes.clear();
      release();
    },
  };
}
