import { Backoff } from "../../base/backoff.ts";
import type { Timer } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { FailedAttempt } from "../../observe/live-exchange.ts";
import { parseGrpcStatus } from "../../policy/classify-response.ts";
import type { RetryPolicy } from "../../policy/outbound.ts";
import { isFailure } from "../../policy/profile.ts";
import { parsePushbackMs } from "../../policy/retry-after.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import type { RetryBudget } from "../balance/retry-budget.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { IDEMPOTENT_METHODS } from "../http/attempt.ts";
import { hasBody } from "../http/client-channel.ts";
import { RequestBuffer } from "../http/request-buffer.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import type { AttemptHook } from "./http-layers.ts";

/** The waits of a policy that names none (the controller always does), ms. */
const DEFAULT_BACKOFF = { minMs: 25, maxMs: 250, jitterRatio: 1 };
/** A server may ask for a longer pause than the policy's; this is the longest, ms. */
const PUSHBACK_MS_MAX = 60_000;
const UNAVAILABLE = 14;

export interface RetriesOptions {
  readonly exchange: ServerExchange;
  readonly policy: RetryPolicy;
  readonly budget: RetryBudget | undefined;
  /** Whether another attempt would find a backend. */
  readonly hasBackend: () => boolean;
  /** Begins another attempt. */
  readonly again: () => void;
}

/**
 * The attempts that one exchange has left.
 *
 * | what happened | sent again when |
 * |---|---|
 * | a response that the policy names | the method may be repeated, and the body (if any) was kept and is complete |
 * | no response's head within the time of an attempt | the same; otherwise the attempt goes on |
 * | the connection was lost before any byte of a response | the method may be repeated; of gRPC, UNAVAILABLE is among the codes |
 * | the server has not touched the request; no endpoint was well in time | always, unless the body was not kept |
 *
 * And in each case: attempts are left (`limit`), a backend is ready (`overflow`), the budget has one (`budget`). The words are those of
 * `LiveExchange.retryOutcome`.
 *
 * Methods that may be repeated are the idempotent ones, all where the policy says so, and gRPC calls where it names gRPC codes.
 *
 * @see reference: proxy section 10 (Retries)
 */
export class Retries implements AttemptHook {
  readonly tried = new Set<string>();
  readonly isPeeked: boolean;
  readonly #options: RetriesOptions;
  readonly #deps: ProxyDependencies;
  readonly #backoff: Backoff;
  readonly #isGrpc: boolean;
  #left: number;
  #timer: Timer | undefined;

  constructor(options: RetriesOptions, deps: ProxyDependencies) {
    this.#options = options;
    this.#deps = deps;
    const { policy, exchange, budget } = options;
    this.#backoff = new Backoff({ ...(policy.backoff ?? DEFAULT_BACKOFF), random: deps.random });
    this.#left = policy.maxRetries;
    this.#isGrpc = exchange.live.protocol === "grpc";
    this.isPeeked = this.#isGrpc && (policy.grpcCodes.size > 0 || policy.failures !== undefined);
    const { request } = exchange;
    if (hasBody(request) && !(request.body === "length" && request.contentLength > policy.maxRequestBytes)) {
      exchange.bodyBuffer = new RequestBuffer(policy.maxRequestBytes, () => exchange.resumeClient());
    }
    if (policy.timeoutMs !== undefined) exchange.onDone.push(() => this.#stopTimer());
    if (budget) exchange.onDone.push(() => budget.deposit(deps.clock.monotonic()));
  }

  /** An attempt begins. Its time ends with the response's head; that of the last one only where the policy says so. */
  begin(): void {
    const { timeoutMs, limitsLastAttempt } = this.#options.policy;
    if (timeoutMs === undefined) return;
    if (!limitsLastAttempt && (this.#left === 0 || !this.#isMethodRepeatable)) return;
    this.#timer = this.#deps.clock.schedule(timeoutMs, () => this.#isOverdue(timeoutMs));
  }

  #isOverdue(timeoutMs: number): void {
    this.#timer = undefined;
    const { exchange, policy } = this.#options;
    const attempt = { status: 0, grpcStatus: -1, errorCode: "RESPONSE_HEADERS_TIMEOUT" };
    const again = this.#isMethodRepeatable && this.#canResend(true) ? this.#take(0, attempt) : undefined;
    if (again) {
      const { upstream } = exchange;
      exchange.upstream = undefined;
      upstream?.abort(tooSlow(timeoutMs));
      again();
    } else if (policy.limitsLastAttempt) {
      exchange.fail(tooSlow(timeoutMs));
    }
  }

  responded(head: ResponseHead, trailers: Fields | undefined): (() => void) | undefined {
    this.#stopTimer();
    const { live } = this.#options.exchange;
    if (!this.#isFailure(head, trailers)) {
      if (live.attempts > 1) live.retryOutcome = "success";
      return undefined;
    }
    live.retryOutcome = "";
    const fields = trailers?.has("grpc-status") ? trailers : head.fields;
    const pushbackMs = this.#isGrpc ? parsePushbackMs(fields.get("grpc-retry-pushback-ms")) : 0;
    if (pushbackMs < 0 || !this.#isMethodRepeatable || !this.#canResend(true)) return undefined;
    const attempt = {
      status: head.status,
      grpcStatus: this.#grpcStatusOf(head, trailers),
      errorCode: "",
    };
    return this.#take(Math.min(pushbackMs, PUSHBACK_MS_MAX), attempt);
  }

  lost(error: MeshError, isUnprocessed: boolean): (() => void) | undefined {
    if (!isUnprocessed) {
      if (error.code !== "UPSTREAM_CLOSED" || !this.#isMethodRepeatable) return undefined;
      if (
        this.#isGrpc &&
        !this.#options.policy.failures &&
        !this.#options.policy.grpcCodes.has(UNAVAILABLE)
      ) {
        return undefined;
      }
    }
    return this.#canResend(false) ? this.#take(0, failed(error)) : undefined;
  }

  refused(error: MeshError): (() => void) | undefined {
    if (error.code !== "BALANCER_FAILFAST" || !this.#canResend(false)) return undefined;
    return this.#take(0, failed(error));
  }

  #isFailure(head: ResponseHead, trailers: Fields | undefined): boolean {
    const { policy } = this.#options;
    const grpcStatus = this.#grpcStatusOf(head, trailers);
    if (policy.failures) return isFailure(policy.failures, head.status, grpcStatus);
    if (grpcStatus >= 0 && policy.grpcCodes.has(grpcStatus)) return true;
    for (const [start, end] of policy.statuses) if (head.status >= start && head.status <= end) return true;
    return false;
  }

  /** -1: none. */
  #grpcStatusOf(head: ResponseHead, trailers: Fields | undefined): number {
    const text = this.#isGrpc ? (head.fields.get("grpc-status") ?? trailers?.get("grpc-status")) : undefined;
    return text === undefined ? -1 : parseGrpcStatus(text);
  }

  get #isMethodRepeatable(): boolean {
    const { policy, exchange } = this.#options;
    if (policy.repeatsAnyMethod || policy.failures) return true;
    if (this.#isGrpc && policy.grpcCodes.size > 0) return true;
    return IDEMPOTENT_METHODS.has(exchange.request.method);
  }

  /** Whether the request is still here. @param isWhole its body must have come to its end */
  #canResend(isWhole: boolean): boolean {
    const { request, state, bodyBuffer } = this.#options.exchange;
    if (state !== "waiting" || request.upgrade !== "" || request.form === "authority") return false;
    if (!hasBody(request)) return true;
    if (!bodyBuffer?.isReplayable) return false;
    return bodyBuffer.isComplete || !isWhole;
  }

  /** Takes one of the attempts. @param pauseMs the least that the pause before it lasts. @returns what begins it; undefined: there is none */
  #take(pauseMs: number, attempt: FailedAttempt): (() => void) | undefined {
    const { exchange, budget, hasBackend } = this.#options;
    const { live, deadlineAt } = exchange;
    // Nobody would wait for its answer.
    if (deadlineAt >= 0 && this.#deps.clock.monotonic() + pauseMs >= deadlineAt) return undefined;
    if (this.#left === 0) live.retryOutcome = "limit";
    else if (!hasBackend()) live.retryOutcome = "overflow";
    else if (budget && !budget.withdraw(this.#deps.clock.monotonic())) live.retryOutcome = "budget";
    else {
      this.#left--;
      return () => {
        this.#deps.recorder.retried(live, attempt);
        this.#schedule(pauseMs);
      };
    }
    return undefined;
  }

  /** Begins an attempt after its pause, unless the client leaves before. */
  #schedule(pauseMs: number): void {
    const { exchange, again } = this.#options;
    this.#stopTimer();
    exchange.bodyBuffer?.detach();
    exchange.live.attempts++;
    const timer = this.#deps.clock.schedule(Math.max(pauseMs, this.#backoff.nextMs()), () => {
      exchange.upstream = undefined;
      exchange.onAttempt?.();
      again();
    });
    exchange.upstream = { resume() {}, abort: () => timer.cancel() };
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

function failed({ code }: MeshError): FailedAttempt {
  return { status: 0, grpcStatus: -1, errorCode: code };
}

function tooSlow(timeoutMs: number): MeshError {
  return new MeshError({
    kind: "environment",
    code: "REQUEST_TIMEOUT",
    message: `attempt had no response after ${timeoutMs} ms`,
  });
}
