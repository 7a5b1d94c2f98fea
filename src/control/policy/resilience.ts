import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TimeoutsSchema } from "../../api/gen/io/linkerd/proxy/http_route_pb.js";
import type {
  Backend_BalanceP2cSchema,
  FailureAccrualSchema,
  GrpcRoute_RetrySchema,
  HttpRoute_RetrySchema,
} from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import { tryParseProxyDuration } from "../../base/duration.ts";
import { GRPC_CONDITION_CODES, parseStatusRanges } from "../../policy/conditions.ts";
import { encodeDuration } from "../serve/encode-values.ts";

const TIMEOUT = "timeout.meshctl.io/";
const RETRY = "retry.meshctl.io/";
const ACCRUAL = "balancer.meshctl.io/failure-accrual";
const ALPHA = "balancer.alpha.meshctl.io/";
const ALLOW_HEADERS = "config.meshctl.io/allow-l5d-request-headers";

const RETRY_BYTES_MAX = 64 * 1024;
/** The rest of a budget: as ServiceProfiles have it by default. */
const BUDGET_MIN_PER_SECOND = 10;
const BUDGET_TTL_MS = 10_000;
const TIMEOUT_KEYS = ["request", "response", "idle"] as const;

/** Times in ms; none where undefined. */
export type RouteTimeouts = Readonly<Record<(typeof TIMEOUT_KEYS)[number], number | undefined>>;

export interface RetrySettings {
  readonly limit: number;
  readonly timeoutMs: number | undefined;
  /** Whether that time ends the last attempt too. */
  readonly limitsLastAttempt?: boolean;
  /** Undefined: not said. */
  readonly statusRanges: readonly { readonly start: number; readonly end: number }[] | undefined;
  readonly grpc: ReadonlySet<GrpcCondition> | undefined;
  /** Methods that are not idempotent are repeated too. */
  readonly nonIdempotent: boolean;
  /** Retries for each request that needs none. */
  readonly budgetRatio: number | undefined;
}

/** What an object's annotations say about timeouts, retries and circuit breaking (reference control-plane 6.2). */
export interface Resilience {
  /** Undefined: nothing is said. */
  readonly timeouts: RouteTimeouts | undefined;
  readonly retry: RetrySettings | undefined;
  readonly failureAccrual: MessageInitShape<typeof FailureAccrualSchema> | undefined;
  /** Latency that a failure counts as, and the longest that a server may ask for. Undefined: failures are not penalised. */
  readonly penalty: { readonly penaltyMs: number; readonly maxRetryAfterMs: number } | undefined;
  /** Whether requests may change times and retries by headers of their own. Undefined: not said. */
  readonly allowsRequestHeaders: boolean | undefined;
  /** Annotations that were ignored because their values are malformed. */
  readonly problems: readonly string[];
}

/** Fields of the message, by the names of annotations (`deadine` is spelled so there). */
const GRPC_FIELDS = {
  cancelled: "cancelled",
  "deadline-exceeded": "deadineExceeded",
  internal: "internal",
  "resource-exhausted": "resourceExhausted",
  unavailable: "unavailable",
} as const;

export type GrpcCondition = keyof typeof GRPC_CONDITION_CODES;

/**
 * Reads the annotations of a Service, an EgressNetwork or a route.
 *
 * A malformed value is ignored and reported: a typing error must not change how other settings work. Linkerd's names of the same
 * annotations (`retry.linkerd.io/...`) count where ours are absent.
 */
export function readResilience(annotations: Readonly<Record<string, string>>): Resilience {
  const problems: string[] = [];
  const read = <T>(key: string, parse: (text: string) => T | undefined): T | undefined => {
    const found = present(key, annotations);
    if (!found) return undefined;
    const value = parse(found.text);
    if (value === undefined) problems.push(`${found.key}: "${found.text}"`);
    return value;
  };
  return {
    timeouts: readTimeouts(read),
    retry: readRetry(read, annotations),
    failureAccrual: readAccrual(read),
    penalty: readPenalty(read),
    allowsRequestHeaders: read(ALLOW_HEADERS, boolean),
    problems,
  };
}

/** Under our name, else under Linkerd's. */
function present(
  key: string,
  annotations: Readonly<Record<string, string>>,
): { readonly key: string; readonly text: string } | undefined {
  for (const name of [key, key.replace("meshctl.io/", "linkerd.io/")]) {
    const text = annotations[name];
    if (text !== undefined) return { key: name, text };
  }
  return undefined;
}

/**
 * What holds for a rule of a route: the route's own times, and its rule's request timeout where no annotation names one, replace the
 * parent's as a set.
 *
 * @param ruleRequestMs  `timeouts.request` of the rule; undefined: not said
 */
export function timeoutsOf(
  route: Resilience,
  parent: Resilience,
  ruleRequestMs?: number,
): RouteTimeouts | undefined {
  const { timeouts } = route;
  if (!timeouts && ruleRequestMs === undefined) return parent.timeouts;
  return {
    request: timeouts?.request ?? ruleRequestMs,
    response: timeouts?.response,
    idle: timeouts?.idle,
  };
}

/** Whether requests of a route may change times and retries: as the route says, else as its parent does. */
export function allowsHeaders(route: Resilience, parent: Resilience): boolean {
  return route.allowsRequestHeaders ?? parent.allowsRequestHeaders ?? false;
}

export function encodeTimeouts(
  timeouts: RouteTimeouts | undefined,
): MessageInitShape<typeof TimeoutsSchema> | undefined {
  // Zero means none.
  const set = TIMEOUT_KEYS.filter((key) => timeouts?.[key]);
  if (set.length === 0) return undefined;
  return Object.fromEntries(set.map((key) => [key, encodeDuration(timeouts![key]!)]));
}

export function encodeHttpRetry(
  retry: RetrySettings | undefined,
): MessageInitShape<typeof HttpRoute_RetrySchema> | undefined {
  if (!retry || retry.limit === 0) return undefined;
  const { statusRanges, grpc } = retry;
  // Who names gRPC codes only does not mean statuses.
  const ranges = statusRanges ?? (grpc ? [] : [{ start: 500, end: 599 }]);
  const codes = [...(grpc ?? [])].map((name) => GRPC_CONDITION_CODES[name]);
  return {
    ...sharedRetry(retry),
    conditions: { statusRanges: [...ranges], ...(codes.length > 0 && { grpcCodes: codes }) },
  };
}

export function encodeGrpcRetry(
  retry: RetrySettings | undefined,
): MessageInitShape<typeof GrpcRoute_RetrySchema> | undefined {
  if (!retry || !isGrpcRetry(retry)) return undefined;
  // A proxy refuses a policy whose retries name no condition. This is the one that promises that nothing has happened yet.
  const conditions = retry.grpc ?? new Set<GrpcCondition>(["unavailable"]);
  return {
    ...sharedRetry(retry),
    conditions: Object.fromEntries([...conditions].map((name) => [GRPC_FIELDS[name], true])),
  };
}

/** Statuses alone ask for nothing here, and no attempts for nothing anywhere. */
function isGrpcRetry({ limit, statusRanges, grpc }: RetrySettings): boolean {
  if (limit === 0) return false;
  return grpc !== undefined || statusRanges === undefined;
}

function sharedRetry({ limit, timeoutMs, limitsLastAttempt, nonIdempotent, budgetRatio }: RetrySettings) {
  return {
    maxRetries: limit,
    maxRequestBytes: RETRY_BYTES_MAX,
    backoff: { minBackoff: encodeDuration(25), maxBackoff: encodeDuration(250), jitterRatio: 1 },
    ...(timeoutMs && { timeout: encodeDuration(timeoutMs) }),
    ...(limitsLastAttempt && { limitsLastAttempt }),
    ...(nonIdempotent && { nonIdempotent }),
    ...(budgetRatio !== undefined && {
      budget: {
        ratio: budgetRatio,
        minRetriesPerSecond: BUDGET_MIN_PER_SECOND,
        ttl: encodeDuration(BUDGET_TTL_MS),
      },
    }),
  };
}

/** How endpoints are chosen: by latency, with failures as latency where the parent says so. */
export function encodeLoad(
  penalty: Resilience["penalty"],
): NonNullable<MessageInitShape<typeof Backend_BalanceP2cSchema>["load"]> {
  const rtt = { defaultRtt: encodeDuration(30), decay: encodeDuration(10_000) };
  if (!penalty) return { case: "peakEwma", value: rtt };
  return {
    case: "penaltyPeakEwma",
    value: {
      ...rtt,
      penalty: encodeDuration(penalty.penaltyMs),
      maxRetryAfter: encodeDuration(penalty.maxRetryAfterMs),
    },
  };
}

type Read = <T>(key: string, parse: (text: string) => T | undefined) => T | undefined;

function readTimeouts(read: Read): RouteTimeouts | undefined {
  const [request, response, idle] = TIMEOUT_KEYS.map((key) => read(TIMEOUT + key, tryParseProxyDuration));
  if (request === undefined && response === undefined && idle === undefined) return undefined;
  return { request, response, idle };
}

function readRetry(read: Read, annotations: Readonly<Record<string, string>>): RetrySettings | undefined {
  const limit = read(`${RETRY}limit`, (text) => integer(text, 65_535));
  const timeoutMs = read(`${RETRY}timeout`, tryParseProxyDuration);
  const statusRanges = read(`${RETRY}http`, parseStatusRanges);
  const grpc = read(`${RETRY}grpc`, parseGrpcConditions);
  const nonIdempotent = read(`${RETRY}non-idempotent`, boolean);
  const budgetRatio = read(`${RETRY}budget`, (text) => decimal(text, 1000));
  const all = [limit, timeoutMs, statusRanges, grpc, nonIdempotent, budgetRatio];
  if (all.every((value) => value === undefined)) return undefined;
  // Conditions that nobody can read must not turn into the default ones.
  const isMalformed = (key: string, value: unknown) =>
    present(RETRY + key, annotations) !== undefined && value === undefined;
  if (isMalformed("http", statusRanges) || isMalformed("grpc", grpc)) return undefined;
  return {
    limit: limit ?? 1,
    timeoutMs,
    statusRanges,
    grpc,
    nonIdempotent: nonIdempotent ?? false,
    budgetRatio,
  };
}

function parseGrpcConditions(text: string): ReadonlySet<GrpcCondition> | undefined {
  const conditions = new Set<GrpcCondition>();
  for (const raw of text.split(",")) {
    const name = raw.trim().toLowerCase();
    if (!Object.hasOwn(GRPC_CONDITION_CODES, name)) return undefined;
    conditions.add(name as GrpcCondition);
  }
  return conditions;
}

function readAccrual(read: Read): Resilience["failureAccrual"] {
  const mode = read(ACCRUAL, (text) => (text === "consecutive" || text === "unified" ? text : undefined));
  if (mode === undefined) return undefined;
  const maxFailures = read(`${ACCRUAL}-consecutive-max-failures`, (text) => integer(text, 2 ** 31 - 1)) ?? 7;
  let minMs = read(`${ACCRUAL}-consecutive-min-penalty`, tryParseProxyDuration) ?? 1000;
  let maxMs = read(`${ACCRUAL}-consecutive-max-penalty`, tryParseProxyDuration) ?? 60_000;
  const jitterRatio = read(`${ACCRUAL}-consecutive-jitter-ratio`, (text) => decimal(text, 100)) ?? 0.5;
  // A proxy refuses the whole policy when these contradict each other.
  if (maxMs <= 0 || minMs > maxMs) [minMs, maxMs] = [1000, 60_000];
  // Ours: a proxy of Linkerd's ejects nevertheless.
  const minReady = read(`${ACCRUAL}-min-ready-endpoints`, (text) => integer(text, 2 ** 31 - 1));
  const ejection = minReady ? { ejection: { minReadyEndpoints: minReady } } : {};
  const backoff = { minBackoff: encodeDuration(minMs), maxBackoff: encodeDuration(maxMs), jitterRatio };
  if (mode === "consecutive")
    return { kind: { case: "consecutiveFailures", value: { maxFailures, backoff } }, ...ejection };
  const respectRetryAfterHint = read(`${ALPHA}failure-accrual-honor-retry-after`, boolean) ?? false;
  return {
    ...ejection,
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
        backoff: { ...backoff, respectRetryAfterHint },
      },
    },
  };
}

function readPenalty(read: Read): Resilience["penalty"] {
  if (!read(`${ALPHA}penalize-failures`, boolean)) return undefined;
  return {
    penaltyMs: read(`${ALPHA}load-biaser-penalty`, tryParseProxyDuration) ?? 5000,
    maxRetryAfterMs: read(`${ALPHA}load-biaser-max-retry-after`, tryParseProxyDuration) ?? 300_000,
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

function boolean(text: string): boolean | undefined {
  return text === "true" ? true : text === "false" ? false : undefined;
}
