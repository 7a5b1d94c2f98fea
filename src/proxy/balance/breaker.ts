import { Backoff } from "../../base/backoff.ts";
import type { ResponseClass } from "../../policy/classify-response.ts";
import type { FailureAccrual } from "../../policy/outbound.ts";
import { SuccessWindow } from "./success-window.ts";

/** A server that asks for a longer pause than this gets this one, ms: an endpoint must not be able to leave for good. */
const RETRY_AFTER_MS_MAX = 300_000;

/**
 * Judges one endpoint by its responses. It only counts; the balancer keeps the endpoint out of the choice.
 *
 *     in service --count says eject--> out, for `nextPauseMs` --> one probe --`isWell`--> in service (`reopen`)
 *                                       ^                             |
 *                                       \------- any other class -----/  (a longer pause)
 *
 * Responses to requests that were sent before the ejection are not counted: they are old news.
 *
 * @see reference: proxy section 10 (Circuit breaking)
 */
export class Breaker {
  readonly #policy: FailureAccrual;
  readonly #backoff: Backoff;
  readonly #window: SuccessWindow | undefined;
  #failuresInRow = 0;

  /** @param now monotonic ms */
  constructor(policy: FailureAccrual, random: () => number, now: number) {
    this.#policy = policy;
    this.#backoff = new Backoff({ ...policy.backoff, random });
    this.#window = policy.successRateThreshold > 0 ? new SuccessWindow(policy.decayMs, now) : undefined;
  }

  /** Counts a response of an endpoint in service. @returns whether the endpoint must be ejected */
  count(response: ResponseClass, now: number): boolean {
    const { maxConsecutiveFailures, successRateThreshold, minRequests } = this.#policy;
    const isGood = this.isWell(response);
    if (response === "failure") this.#failuresInRow++;
    else if (isGood) this.#failuresInRow = 0;
    if (maxConsecutiveFailures > 0 && this.#failuresInRow >= maxConsecutiveFailures) return true;
    const window = this.#window;
    if (!window) return false;
    window.count(isGood, now);
    return window.total(now) >= Math.max(minRequests, 1) && window.rate(now) < successRateThreshold;
  }

  /** Whether a probe with this answer puts the endpoint back into service. */
  isWell(response: ResponseClass): boolean {
    return response === "success" || (response === "limited" && !this.#policy.countsLimited);
  }

  /** @param retryAfterMs what the failing response asked for; 0: nothing */
  nextPauseMs(retryAfterMs: number): number {
    const pauseMs = this.#backoff.nextMs();
    if (!this.#policy.backoff.respectRetryAfter) return pauseMs;
    return Math.max(pauseMs, Math.min(retryAfterMs, RETRY_AFTER_MS_MAX));
  }

  /** The endpoint is back in service: what was before is forgotten. */
  reopen(): void {
    this.#failuresInRow = 0;
    this.#window?.clear();
    this.#backoff.reset();
  }
}
