import type { Clock, Timer } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";

export interface WorkQueueOptions {
  /** For the log: which controller. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Brings one object to its desired state. A rejection is tried again with back-off. */
  readonly reconcile: (key: string) => Promise<void>;
}

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 30_000;

/**
 * A level-triggered queue of keys: a key that is added while it waits is one piece of work; a key that is added while it is
 * being worked on runs once more. Keys run in parallel with one another, never with themselves.
 *
 * ```
 *   idle --add--> waiting --turn--> running --done--> idle
 *                    ^                 |  \--failed--> (back-off) --> waiting
 *                    '-- added again --'
 * ```
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #delayed = new Map<string, { timer: Timer; dueMs: number }>();
  readonly #failures = new Map<string, number>();
  #scheduled = false;
  #stopped = false;
  #onIdle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#waiting.add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A turn of the event loop lets a burst of changes to one object become one piece of work.
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  /** Adds later; of several pending times for a key the earliest stays. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped) return;
    const dueMs = this.#options.clock.monotonic() + delayMs;
    const pending = this.#delayed.get(key);
    if (pending && pending.dueMs <= dueMs) return;
    pending?.timer.cancel();
    const timer = this.#options.clock.schedule(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { timer, dueMs });
  }

  /** Resolves when nothing waits or runs (delayed keys do not count). For tests and for stopping. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0 && this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#settleIdle();
  }

  #pump(): void {
    for (const key of this.#waiting) {
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#run(key);
    }
    this.#settleIdle();
  }

  async #run(key: string): Promise<void> {
    try {
      await this.#options.reconcile(key);
      this.#failures.delete(key);
    } catch (caught) {
      this.#retry(key, caught);
    } finally {
      this.#running.delete(key);
      this.#pump();
    }
  }

  #retry(key: string, caught: unknown): void {
    if (this.#stopped) return;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 1));
    // A conflict is the ordinary way to learn that the object moved on; it is no news.
    const code = caught instanceof MeshError ? caught.code : "";
    if (code !== "KUBE_CONFLICT" && code !== "KUBE_NOT_FOUND") {
      const message = caught instanceof Error ? caught.message : String(caught);
      this.#options.log.warn(`${this.#options.name}: ${message}`, { object: key, retryMs: delayMs });
    }
    this.addAfter(key, delayMs);
  }

  #settleIdle(): void {
    if (this.#waiting.size > 0 || this.#running.size > 0) return;
    const waiters = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiters) resolve();
  }
}
