import type { RetrySettings } from "../resilience.ts";
import type { ReadRule } from "../routes/read-route.ts";

/** A rule's own times and its retries, with `timeouts.backendRequest` in its place. Zero means none. */
export interface RuleTimes {
  readonly requestMs: number | undefined;
  readonly retry: RetrySettings | undefined;
}

/**
 * Where `timeouts.backendRequest` of a rule goes, the limit of each request to a backend: with retries it is the limit of each attempt
 * (unless an annotation names one), without them there is one attempt, and its limit is that of the whole request.
 */
export function withBackendRequest(
  { requestMs, backendRequestMs }: Pick<ReadRule, "requestMs" | "backendRequestMs">,
  retry: RetrySettings | undefined,
): RuleTimes {
  if (!backendRequestMs) return { requestMs, retry };
  if (retry && retry.limit > 0) {
    // Unlike the annotation's, this time is the last attempt's too.
    const limited = { ...retry, timeoutMs: backendRequestMs, limitsLastAttempt: true };
    return { requestMs, retry: retry.timeoutMs ? retry : limited };
  }
  return { requestMs: Math.min(requestMs || Number.POSITIVE_INFINITY, backendRequestMs), retry };
}
