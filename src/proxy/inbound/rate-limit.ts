import type { Clock } from "../../base/clock.ts";
import type { RateLimit } from "../../policy/inbound.ts";
import type { SharedBuckets } from "../workers/shared-buckets.ts";

/** Buckets of identities that were not seen for this long are forgotten, ms: after one period they are full anyway. */
const FORGET_MS = 10_000;
/** Identities that have a bucket of their own at once; beyond it the idle ones go first, then the map starts anew. */
const IDENTITIES_MAX = 10_000;

/** The buckets of all workers, and this limit's place among them. */
export interface SharedRateLimit {
  readonly buckets: SharedBuckets;
  readonly key: string;
  /** Its wall clock: monotonic ones of threads have nothing in common. */
  readonly clock: Clock;
}

/**
 * Limits requests by the generic cell rate algorithm: period 1 s, burst as large as the rate.
 *
 * A bucket is one number, its theoretical arrival time: a request is let in when it does not lie more than a second ahead.
 *
 * @see reference: proxy section 11 (Rate limit)
 */
export class RateLimiter {
  readonly #policy: RateLimit;
  readonly #shared: SharedRateLimit | undefined;
  #total = 0;
  readonly #byOverride: number[];
  readonly #byIdentity = new Map<string, number>();

  /** @param shared where the workers of a proxy that has several count together */
  constructor(policy: RateLimit, shared?: SharedRateLimit) {
    this.#policy = policy;
    this.#shared = shared;
    this.#byOverride = policy.overrides.map(() => 0);
  }

  /**
   * @param identity of the client; "" for all without one, who share a bucket
   * @param now monotonic ms
   * @returns which limit the request is over, or undefined when it may pass
   */
  check(identity: string, now: number): "total" | "identity" | undefined {
    if (this.#shared) return this.#checkShared(identity, this.#shared);
    const total = advance(this.#total, this.#policy.total, now);
    if (total === undefined) return "total";
    this.#total = total;
    const override = this.#policy.overrides.findIndex((each) => each.identities.has(identity));
    if (override >= 0) {
      const rate = this.#policy.overrides[override]!.requestsPerSecond;
      const next = advance(this.#byOverride[override]!, rate, now);
      if (next === undefined) return "identity";
      this.#byOverride[override] = next;
      return undefined;
    }
    const next = advance(this.#byIdentity.get(identity) ?? 0, this.#policy.perIdentity, now);
    if (next === undefined) return "identity";
    if (this.#policy.perIdentity > 0) this.#remember(identity, next, now);
    return undefined;
  }

  #checkShared(identity: string, { buckets, key, clock }: SharedRateLimit): "total" | "identity" | undefined {
    const now = clock.now();
    const { total, perIdentity, overrides } = this.#policy;
    if (!buckets.take(`${key} total`, total, now)) return "total";
    const override = overrides.findIndex((each) => each.identities.has(identity));
    const isIn =
      override >= 0
        ? buckets.take(`${key} override ${override}`, overrides[override]!.requestsPerSecond, now)
        : buckets.take(`${key} of ${identity}`, perIdentity, now);
    return isIn ? undefined : "identity";
  }

  #remember(identity: string, next: number, now: number): void {
    if (this.#byIdentity.size >= IDENTITIES_MAX && !this.#byIdentity.has(identity)) {
      for (const [each, arrival] of this.#byIdentity) {
        if (arrival < now - FORGET_MS) this.#byIdentity.delete(each);
      }
      if (this.#byIdentity.size >= IDENTITIES_MAX) this.#byIdentity.clear();
    }
    this.#byIdentity.set(identity, next);
  }
}

const PERIOD_MS = 1000;

/** The bucket after one more request, or undefined when it is full. Rate 0 is no limit. */
function advance(arrival: number, rate: number, now: number): number | undefined {
  if (rate === 0) return arrival;
  const interval = PERIOD_MS / rate;
  const next = Math.max(arrival, now) + interval;
  // The tolerance absorbs rounding: 3 x (1000 / 3) is a little more than 1000.
  return next - now > PERIOD_MS + 1e-6 ? undefined : next;
}
