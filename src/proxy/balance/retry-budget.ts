import type { RetryBudgetSettings } from "../../policy/outbound.ts";

/** Of the window; finer would not change any decision. @see reference: proxy section 10 (Retries, ServiceProfile) */
const SLOTS = 10;
/** Sums of many fractions must not refuse a retry that is paid for. */
const EPSILON = 1e-9;

/**
 * Keeps retries in proportion to requests, so that they cannot multiply the load of a service that is down already.
 *
 *     balance, in retries = minPerSecond x ttl  +  over the last ttl: ratio for each request that was not retried, -1 for each retry
 */
export class RetryBudget {
  readonly #settings: RetryBudgetSettings;
  readonly #slotMs: number;
  readonly #slots = new Float64Array(SLOTS);
  /** Number of the slot that `now` was in, counted from the clock's zero. */
  #tick: number;

  /** @param now monotonic ms */
  constructor(settings: RetryBudgetSettings, now: number) {
    this.#settings = settings;
    this.#slotMs = Math.max(settings.ttlMs / SLOTS, 1);
    this.#tick = Math.floor(now / this.#slotMs);
  }

  /** A request came to an end without another attempt. */
  deposit(now: number): void {
    this.#add(this.#settings.ratio, now);
  }

  /** Takes one retry out. @returns false: there is none */
  withdraw(now: number): boolean {
    if (this.balance(now) + EPSILON < 1) return false;
    this.#add(-1, now);
    return true;
  }

  /** How many retries are left. */
  balance(now: number): number {
    this.#advance(now);
    let sum = (this.#settings.minPerSecond * this.#settings.ttlMs) / 1000;
    for (const slot of this.#slots) sum += slot;
    return sum;
  }

  #add(amount: number, now: number): void {
    this.#advance(now);
    const at = this.#tick % SLOTS;
    this.#slots[at] = this.#slots[at]! + amount;
  }

  #advance(now: number): void {
    const tick = Math.floor(now / this.#slotMs);
    for (let each = Math.max(this.#tick + 1, tick - SLOTS + 1); each <= tick; each++) {
      this.#slots[each % SLOTS] = 0;
    }
    if (tick > this.#tick) this.#tick = tick;
  }
}

/** Budgets by their settings: rules that were sent with one object share one. They go when the policy does. */
export class RetryBudgets {
  readonly #budgets = new WeakMap<RetryBudgetSettings, RetryBudget>();

  of(settings: RetryBudgetSettings, now: number): RetryBudget {
    let budget = this.#budgets.get(settings);
    if (!budget) {
      budget = new RetryBudget(settings, now);
      this.#budgets.set(settings, budget);
    }
    return budget;
  }
}
