import { tryParseProxyDuration } from "../../base/duration.ts";
import { GRPC_CONDITION_CODES, parseStatusRanges } from "../../policy/conditions.ts";
import type { OutboundRule, RetryPolicy } from "../../policy/outbound.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/** What a request's headers get that asks for retries where none are configured. @see reference: proxy section 10 */
const DEFAULT_RETRY: RetryPolicy = {
  maxRetries: 1,
  maxRequestBytes: 64 * 1024,
  statuses: [],
  grpcCodes: new Set(),
  timeoutMs: undefined,
  backoff: { minMs: 25, maxMs: 250, jitterRatio: 1 },
};
const LIMIT_MAX = 65_535;

/**
 * Changes a rule by what this request's headers say, for rules that allow it, and takes those headers out of the request:
 * `l5d-retry-http`, `l5d-retry-grpc`, `l5d-retry-limit`, `l5d-retry-timeout`; `l5d-timeout`, `l5d-request-timeout` (which outranks it),
 * `l5d-response-timeout`. Values are those of the annotations of the same name; one that is malformed changes nothing.
 *
 * @see reference: proxy section 10 (Per-request override headers)
 */
export function overrideRule(rule: OutboundRule, { request: { fields } }: ServerExchange): OutboundRule {
  const http = take(fields, "l5d-retry-http", parseStatusRanges);
  const grpc = take(fields, "l5d-retry-grpc", parseCodes);
  const limit = take(fields, "l5d-retry-limit", parseLimit);
  const retryMs = take(fields, "l5d-retry-timeout", parseTimeout);
  const timeoutMs = take(fields, "l5d-timeout", parseTimeout);
  const requestMs = take(fields, "l5d-request-timeout", parseTimeout) ?? timeoutMs;
  const responseMs = take(fields, "l5d-response-timeout", parseTimeout);
  const hasRetry = [http, grpc, limit, retryMs].some((value) => value !== undefined);
  const hasTimeout = requestMs !== undefined || responseMs !== undefined;
  if (!hasRetry && !hasTimeout) return rule;
  const { timeouts, retry } = rule;
  const base = retry ?? DEFAULT_RETRY;
  return {
    ...rule,
    timeouts: {
      ...timeouts,
      requestMs: requestMs ?? timeouts.requestMs,
      responseMs: responseMs ?? timeouts.responseMs,
    },
    retry: hasRetry
      ? {
          ...base,
          statuses: http?.map(({ start, end }) => [start, end] as const) ?? base.statuses,
          grpcCodes: grpc ?? base.grpcCodes,
          maxRetries: limit ?? base.maxRetries,
          timeoutMs: retryMs ?? base.timeoutMs,
        }
      : retry,
  };
}

/** Reads a header and removes it, whether it can be read or not. */
function take<T>(fields: Fields, name: string, parse: (text: string) => T | undefined): T | undefined {
  const text = fields.get(name);
  if (text === undefined) return undefined;
  fields.remove(name);
  return parse(text);
}

function parseCodes(text: string): ReadonlySet<number> | undefined {
  const codes = new Set<number>();
  for (const raw of text.split(",")) {
    const name = raw.trim().toLowerCase();
    if (!Object.hasOwn(GRPC_CONDITION_CODES, name)) return undefined;
    codes.add(GRPC_CONDITION_CODES[name as keyof typeof GRPC_CONDITION_CODES]);
  }
  return codes;
}

function parseLimit(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= LIMIT_MAX ? Number(text) : undefined;
}

/** 0 is no time to answer in, and cannot be meant. */
function parseTimeout(text: string): number | undefined {
  return tryParseProxyDuration(text) || undefined;
}
