import type { Clock, Timer } from "../../base/clock.ts";
import type { ProbeSpec } from "./pod-spec.ts";
import type { ProbeResult } from "./probe.ts";

export interface ProbeLoopOptions {
  readonly spec: ProbeSpec;
  readonly clock: Clock;
  /** A startup or readiness probe is tried often at first, so that a pod is ready as soon as it can be. */
  readonly isEager: boolean;
  readonly attempt: (timeoutMs: number) => Promise<ProbeResult>;
  /** The probe's verdict changed: `successThreshold` successes or `failureThreshold` failures in a row. */
  readonly onVerdict: (ok: boolean, message: string) => void;
  /** Each failed attempt that counts. */
  readonly onFailure: (message: string) => void;
}

/** Eager attempts: how often, and until how long after the start. */
const EAGER_MS = 100;
const EAGER_UNTIL_MS = 3000;
const EAGER_LATER_MS = 500;
const EAGER_LATER_UNTIL_MS = 15_000;

/**
 * Repeats a probe until stopped.
 *
 * ```
 *   time      0   .1   .2  ...            initialDelay      +period      +2 period
 *   attempt   e    e    e   e   e   e   e   counts            counts       counts      e: eager, only its success counts
 * ```
 *
 * An eager failure counts only when Kubernetes' own schedule would have had an attempt by then, the first one at the end of
 * the first period; so trying early never makes a slow starter fail earlier.
 */
export class ProbeLoop {
  readonly #options: ProbeLoopOptions;
  readonly #startedMs: number;
  #timer: Timer | undefined;
  #stopped = false;
  #successes = 0;
  #failures = 0;
  /** Failures that the schedule has had room for, since the start. */
  #counted = 0;
  #verdict: boolean | undefined;

  constructor(options: ProbeLoopOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonic();
    const delayMs = options.isEager ? 0 : (options.spec.initialDelaySeconds ?? 0) * 1000;
    this.#timer = options.clock.schedule(delayMs, () => void this.#run());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    const { spec, clock } = this.#options;
    const attemptedMs = clock.monotonic();
    const result = await this.#options.attempt((spec.timeoutSeconds ?? 1) * 1000);
    if (this.#stopped) return;
    if (result.ok) this.#succeed();
    else this.#fail(result.message, attemptedMs);
    if (this.#stopped) return;
    this.#timer = clock.schedule(this.#delayMs(), () => void this.#run());
  }

  #succeed(): void {
    this.#failures = 0;
    this.#successes++;
    if (this.#verdict !== true && this.#successes >= (this.#options.spec.successThreshold ?? 1)) {
      this.#verdict = true;
      this.#options.onVerdict(true, "");
    }
  }

  #fail(message: string, attemptedMs: number): void {
    const { spec } = this.#options;
    this.#successes = 0;
    if (this.#verdict !== true) {
      const initialMs = (spec.initialDelaySeconds ?? 0) * 1000;
      const periods = this.#options.isEager ? this.#counted + 1 : this.#counted;
      const dueMs = this.#startedMs + initialMs + periods * this.#periodMs;
      if (attemptedMs < dueMs) return;
      this.#counted++;
    }
    this.#failures++;
    this.#options.onFailure(message);
    if (this.#verdict !== false && this.#failures >= (spec.failureThreshold ?? 3)) {
      this.#verdict = false;
      this.#options.onVerdict(false, message);
    }
  }

  get #periodMs(): number {
    return (this.#options.spec.periodSeconds ?? 10) * 1000;
  }

  #delayMs(): number {
    if (!this.#options.isEager || this.#verdict === true) return this.#periodMs;
    const elapsedMs = this.#options.clock.monotonic() - this.#startedMs;
    if (elapsedMs < EAGER_UNTIL_MS) return Math.min(EAGER_MS, this.#periodMs);
    if (elapsedMs < EAGER_LATER_UNTIL_MS) return Math.min(EAGER_LATER_MS, this.#periodMs);
    return this.#periodMs;
  }
}
