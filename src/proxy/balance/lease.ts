import type { MeshError } from "../../base/error.ts";
import type { ResponseClass } from "../../policy/classify-response.ts";
import type { Endpoint } from "../../policy/endpoint.ts";

/** Waits for an endpoint. Exactly one of the two is called, once, perhaps within `acquire`. */
export interface Waiter<T> {
  /** Addresses where this request has failed before: taken only when there is no other. */
  readonly avoid?: ReadonlySet<string> | undefined;
  acquired(lease: Lease<T>): void;
  /** `BALANCER_FAILFAST` after waiting, `BALANCER_SHED` at once. */
  refused(error: MeshError): void;
}

/** Leave to send one request (or open one connection). Say how it went, then `release`. */
export interface Lease<T> {
  readonly endpoint: Endpoint;
  readonly value: T;
  /** Why this endpoint, for the record. */
  readonly reason: string;
  /** Whether `answering`, `judge` and `penalise` have an effect: without a breaker and penalties nobody needs to classify responses. */
  readonly isJudged: boolean;
  /** A connection stands: the endpoint is well, as far as that goes. */
  connected(): void;
  /** No connection could be made: leave the endpoint out for a while. */
  connectFailed(error: MeshError): void;
  observe(rttMs: number): void;
  /** In place of `observe`: the response was a failure. @param retryAfterMs for how long it asked to be left alone; 0: it did not */
  penalise(rttMs: number, retryAfterMs: number): void;
  /** Body arrives of a response whose head was no failure. A stream may go on for hours: that is enough for a probe. */
  answering(): void;
  /** What the whole response came to. Not called when nobody waited for it. */
  judge(response: ResponseClass, retryAfterMs: number): void;
  release(): void;
}
