import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TimeoutsSchema } from "../../api/gen/io/linkerd/proxy/http_route_pb.js";
import type {
  FailureAccrualSchema,
  HttpRoute_RetrySchema,
} from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import { tryParseProxyDuration } from "../../base/duration.ts";
import { encodeDuration } from "../serve/encode-values.ts";

const TIMEOUT = "timeout.meshctl.io/";
const RETRY = "retry.meshctl.io/";
const ACCRUAL = "balancer.meshctl.io/failure-accrual";
const ALPHA = "balancer.alpha.meshctl.io/";

const RETRY_BYTES_MAX = 64 * 1024;

export interface ServiceResilience {
  readonly timeouts: MessageInitShape<typeof TimeoutsSchema> | undefined;
  readonly retry: MessageInitShape<typeof HttpRoute_RetrySchema> | undefined;
  readonly failureAccrual: MessageInitShape<typeof FailureAccrualSchema> | undefined;
  /** Annotations that were ignored because their values are malformed. */
  readonly problems: readonly string[];
}

/**
 * Timeouts, retries and circuit breaking of a Service, from its annotations (reference control-plane 6.2).
 *
 * A malformed value is ignored and reported: a typing error must not change how other settings work.
 */
export function readServiceResilience(annotations: Readonly<Record<string, string>>): ServiceResilience {
  const problems: string[] = [];
  const read = <T>(key: string, parse: (text: string) => T | undefined): T | undefined => {
    const text = annotations[key];
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) problems.push(`${key}: "${text}"`);
    return value;
  };
  return {
    timeouts: readTimeouts(read),
    retry: readRetry(read, annotations),
    failureAccrual: readAccrual(read),
    problems,
  };
}

type Read = <T>(key: string, parse: (text: string) => T | undefined) => T | undefined;

function readTimeouts(read: Read): ServiceResilience["timeouts"] {
  const timeouts: MessageInitShape<typeof TimeoutsSchema> = {};
  let any = false;
  for (const key of ["request", "response", "idle"] as const) {
    const ms = read(TIMEOUT + key, tryParseProxyDuration);
    // Zero means none.
    if (ms === undefined || ms === 0) continue;
    timeouts[key] = encodeDuration(ms);
    any = true;
  }
  return any ? timeouts : undefined;
}

function readRetry(read: Read, annotations: Readonly<Record<string, string>>): ServiceResilience["retry"] {
  const limit = read(`${RETRY}limit`, (text) => integer(text, 65_535));
  const timeoutMs = read(`${RETRY}timeout`, tryParseProxyDuration);
  const statusRanges = read(`${RETRY}http`, parseStatuses);
  if (limit === undefined && timeoutMs === undefined && statusRanges === undefined) return undefined;
  if (annotations[`${RETRY}http`] !== undefined && statusRanges === undefined) return undefined;
  return {
    maxRetries: limit ?? 1,
    maxRequestBytes: RETRY_BYTES_MAX,
    conditions: { statusRanges: statusRanges ?? [{ start: 500, end: 599 }] },
    backoff: { minBackoff: encodeDuration(25), maxBackoff: encodeDuration(250), jitterRatio: 1 },
    ...(timeoutMs === undefined || timeoutMs === 0 ? {} : { timeout: encodeDuration(timeoutMs) }),
  };
}

/** `5xx`, `gateway-error`, a code, or `a-b`, comma separated. */
function parseStatuses(text: string): { start: number; end: number }[] | undefined {
  const ranges: { start: number; end: number }[] = [];
  for (const raw of text.split(",")) {
    const item = raw.trim().toLowerCase();
    const match = /^(\d{3})(?:-(\d{3}))?$/.exec(item);
    if (item === "5xx") ranges.push({ start: 500, end: 599 });
    else if (item === "gateway-error") ranges.push({ start: 502, end: 504 });
    else if (
      match &&
      Number(match[1]) >= 100 &&
      Number(match[2] ?? match[1]) <= 599 &&
      Number(match[1]) <= Number(match[2] ?? match[1])
    ) {
      ranges.push({ start: Number(match[1]), end: Number(match[2] ?? match[1]) });
    } else return undefined;
  }
  return ranges;
}

function readAccrual(read: Read): ServiceResilience["failureAccrual"] {
  const mode = read(ACCRUAL, (text) => (text === "consecutive" || text === "unified" ? text : undefined));
  if (mode === undefined) return undefined;
  const maxFailures = read(`${ACCRUAL}-consecutive-max-failures`, (text) => integer(text, 2 ** 31 - 1)) ?? 7;
  let minMs = read(`${ACCRUAL}-consecutive-min-penalty`, tryParseProxyDuration) ?? 1000;
  let maxMs = read(`${ACCRUAL}-consecutive-max-penalty`, tryParseProxyDuration) ?? 60_000;
  const jitterRatio = read(`${ACCRUAL}-consecutive-jitter-ratio`, (text) => decimal(text, 100)) ?? 0.5;
  // A proxy refuses the whole policy when these contradict each other.
  if (maxMs <= 0 || minMs > maxMs) [minMs, maxMs] = [1000, 60_000];
  const backoff = { minBackoff: encodeDuration(minMs), maxBackoff: encodeDuration(maxMs), jitterRatio };
  if (mode === "consecutive")
    return { kind: { case: "consecutiveFailures", value: { maxFailures, backoff } } };
  return {
    kind: {
      case: "unified",
      value: {
        successRateThreshold:
          read(`${ALPHA}failure-accrual-success-rate-threshold`, (text) => decimal(text, 1)) ?? 0.8,
        decay: encodeDuration(
          read(`${ALPHA}failure-accrual-success-rate-window`, (text) => {
            const ms = tryParseProxyDuration(text);
            return ms !== undefined && ms >= 10 ? ms : undefined;
          }) ?? 10_000,
        ),
        minRequests:
          read(`${ALPHA}failure-accrual-success-rate-min-requests`, (text) => integer(text, 1_000_000)) ?? 5,
        maxConsecutiveFailures: maxFailures,
        backoff,
      },
    },
  };
}

function integer(text: string, max: number): number | undefined {
  const value = Number(text);
  return /^\d{1,10}$/.test(text.trim()) && value <= max ? value : undefined;
}

function decimal(text: string, max: number): number | undefined {
  const value = Number(text);
  return /^\d+(\.\d+)?$/.test(text.trim()) && value <= max ? value : undefined;
}
