import type { Duration } from "@bufbuild/protobuf/wkt";
import type { GrpcRoute_Retry, HttpRoute_Retry } from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { RetryBudgetSettings, RetryPolicy } from "../../policy/outbound.ts";
import { decodeBackoff, present, tryDurationMs, undecodable } from "./decode-values.ts";

/** gRPC codes by the names of the message's fields (`deadine` is spelled so there). */
const GRPC_CONDITIONS = {
  cancelled: 1,
  deadineExceeded: 4,
  resourceExhausted: 8,
  internal: 13,
  unavailable: 14,
} as const;

export function decodeHttpRetry(message: HttpRoute_Retry): RetryPolicy {
  const { statusRanges, grpcCodes } = present(message.conditions, "a retry's conditions");
  if (message.maxRetries > 0xffff) throw undecodable("a retry", `max retries ${message.maxRetries}`);
  const statuses = statusRanges.map(({ start, end }) => {
    if (start < 1 || end > 599 || start > end) throw undecodable("a retry", `statuses ${start} to ${end}`);
    return [start, end] as const;
  });
  return { ...common(message), statuses, grpcCodes: new Set(grpcCodes) };
}

export function decodeGrpcRetry(message: GrpcRoute_Retry): RetryPolicy {
  const conditions = present(message.conditions, "a retry's conditions");
  const grpcCodes = new Set<number>();
  for (const [field, code] of Object.entries(GRPC_CONDITIONS)) {
    if (conditions[field as keyof typeof GRPC_CONDITIONS]) grpcCodes.add(code);
  }
  return { ...common(message), statuses: [], grpcCodes };
}

function common(message: HttpRoute_Retry | GrpcRoute_Retry) {
  return {
    maxRetries: message.maxRetries,
    maxRequestBytes: message.maxRequestBytes,
    timeoutMs: tryDurationMs(message.timeout),
    backoff: message.backoff && decodeBackoff(message.backoff, "a retry's backoff"),
    limitsLastAttempt: message.limitsLastAttempt,
    repeatsAnyMethod: message.nonIdempotent,
    budget: message.budget && tryDecodeBudget(message.budget),
  };
}

/**
 * A budget of the policy or of a profile.
 *
 * @returns undefined when its values are out of range: ratio 0 to 1000, ttl 1 s to 60 s
 * @see reference: proxy-api section 6.3
 */
export function tryDecodeBudget(budget: {
  readonly ratio: number;
  readonly minRetriesPerSecond: number;
  readonly ttl?: Duration | undefined;
}): RetryBudgetSettings | undefined {
  const { ratio, minRetriesPerSecond } = budget;
  const ttlMs = tryDurationMs(budget.ttl) ?? 0;
  if (!(ratio >= 0 && ratio <= 1000) || ttlMs < 1000 || ttlMs > 60_000) return undefined;
  if (minRetriesPerSecond > 2 ** 31 - 1) return undefined;
  return { ratio, minPerSecond: minRetriesPerSecond, ttlMs };
}
