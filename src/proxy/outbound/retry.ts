import { Backoff } from "../../base/backoff.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { RetryPolicy } from "../../policy/outbound.ts";
import { IDEMPOTENT_METHODS } from "../http/attempt.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/** The waits of a policy that names none (the controller always does), ms. */
const DEFAULT_BACKOFF = { minMs: 25, maxMs: 250, jitterRatio: 1 };

/**
 * The attempts that one exchange has left.
 *
 * Only requests without a body are repeated, and only by idempotent methods: a body that has passed is gone, and what may
 * not be done twice must not be. Both are narrower than the policy allows.
 */
export class Retries {
  readonly #policy: RetryPolicy;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #left: number;
  #timer: Timer | undefined;
  #isLimited = false;

  constructor(policy: RetryPolicy, clock: Clock, random: () => number) {
    this.#policy = policy;
    this.#clock = clock;
    this.#backoff = new Backoff({ ...(policy.backoff ?? DEFAULT_BACKOFF), random });
    this.#left = policy.maxRetries;
  }

  /** Whether an answer with this status is to be thrown away for another attempt. */
  wants(status: number, exchange: ServerExchange): boolean {
    return (
      this.#mayRepeat(exchange) &&
      this.#policy.statuses.some(([start, end]) => status >= start && status <= end)
    );
  }

  /**
   * Gives an attempt that begins the policy's time until its response's head; then it is given up for another one. The last attempt
   * has all the time that the route leaves.
   */
  limit(exchange: ServerExchange, again: () => void): void {
    const { timeoutMs } = this.#policy;
    if (timeoutMs === undefined || !this.#mayRepeat(exchange)) return;
    if (!this.#isLimited) exchange.onDone.push(() => this.answered());
    this.#isLimited = true;
    this.#timer = this.#clock.schedule(timeoutMs, () => {
      if (!this.#mayRepeat(exchange)) return;
      const { upstream } = exchange;
      exchange.upstream = undefined;
      upstream?.abort();
      this.schedule(exchange, again);
    });
  }

  /** The response's head has come. */
  answered(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #mayRepeat({ request, state }: ServerExchange): boolean {
    if (this.#left === 0 || state !== "waiting") return false;
    return request.body === "none" && request.upgrade === "" && IDEMPOTENT_METHODS.has(request.method);
  }

  /** Takes one of the attempts and begins it after its pause, unless the client leaves before. */
  schedule(exchange: ServerExchange, again: () => void): void {
    this.#left--;
    exchange.live.attempts++;
    const timer = this.#clock.schedule(this.#backoff.nextMs(), again);
    exchange.upstream = { resume() {}, abort: () => timer.cancel() };
  }
}
