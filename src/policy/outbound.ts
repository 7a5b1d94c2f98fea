import type { Endpoint } from "./endpoint.ts";
import type { PolicyMeta } from "./meta.ts";
import type { ProfileRouting, ResponseRule } from "./profile.ts";
import type { HostMatch, HttpFilter, HttpMatch } from "./route.ts";

/** Where traffic to one target goes: the proxy's merge of profile and outbound policy. */
export interface OutboundPolicy {
  readonly meta: PolicyMeta;
  readonly protocol: "detect" | "opaque" | "http1" | "http2" | "grpc" | "tls";
  /** HTTP and gRPC routes; used by detect (when HTTP is found), http1, http2, grpc. */
  readonly httpRoutes: readonly OutboundRoute[];
  /** Used by opaque, and by detect when HTTP is not found. Empty: the connection is refused. */
  readonly opaqueRoutes: readonly OpaqueRoute[];
  readonly failureAccrual: FailureAccrual | undefined;
  /** Set: HTTP follows the routes of a ServiceProfile, not `httpRoutes`. */
  readonly profile?: ProfileRouting | undefined;
}

export interface OutboundRoute {
  readonly meta: PolicyMeta;
  readonly hosts: readonly HostMatch[];
  readonly rules: readonly OutboundRule[];
}

export interface OutboundRule {
  readonly matches: readonly HttpMatch[];
  readonly filters: readonly HttpFilter[];
  readonly backends: Distribution;
  readonly timeouts: {
    readonly requestMs: number | undefined;
    readonly responseMs: number | undefined;
    readonly idleMs: number | undefined;
    /** Until the response's head, retries included (ServiceProfiles); absent: none. */
    readonly headMs?: number | undefined;
  };
  readonly retry: RetryPolicy | undefined;
  /** Backends that get copies of the rule's requests; absent: none. */
  readonly mirrors?: readonly RequestMirror[];
  /** Requests may change timeouts and retries by their own headers. Default false: those headers pass through. */
  readonly allowsOverrides?: boolean;
}

/** A backend that gets copies of requests. Its answers go nowhere. */
export interface RequestMirror {
  readonly backend: Backend;
  /** Share of requests that are copied, 0 to 1. */
  readonly ratio: number;
}

export interface OpaqueRoute {
  readonly meta: PolicyMeta;
  readonly backends: Distribution;
  /** Set: the connection is refused for this reason. */
  readonly refused: "forbidden" | "invalid" | undefined;
  /** TLS routes: the SNIs that it takes (compared as they are); absent or empty: any. */
  readonly snis?: readonly HostMatch[];
}

/** One entry with weight 1 is "first available"; an empty list is never ready. */
export interface Distribution {
  readonly kind: "empty" | "first-available" | "random-available";
  readonly backends: readonly WeightedBackend[];
}

export interface WeightedBackend {
  readonly weight: number;
  readonly backend: Backend;
  readonly filters: readonly HttpFilter[];
  /** Backends that get copies of this one's requests; absent: none. */
  readonly mirrors?: readonly RequestMirror[];
}

export interface Backend {
  readonly meta: PolicyMeta;
  readonly target: /** Resolve with Destination.Get and balance. `path` is `name:port`. */
    | {
        readonly kind: "balance";
        readonly path: string;
        readonly defaultRttMs: number;
        readonly decayMs: number;
        /** Latency that a failure counts as; undefined: failures count by their own latency. */
        readonly penaltyMs: number | undefined;
        /** The longest latency that a server may ask to count as, by `Retry-After` and the like. Absent: it is not asked. */
        readonly maxRetryAfterMs?: number | undefined;
      }
    | { readonly kind: "forward"; readonly endpoint: Endpoint }
    /** No dispatcher: requests fail with 502. */
    | { readonly kind: "none" };
}

export interface RetryPolicy {
  readonly maxRetries: number;
  /** A larger body makes a request that is sent once. */
  readonly maxRequestBytes: number;
  /** Inclusive ranges. */
  readonly statuses: readonly (readonly [start: number, end: number])[];
  readonly grpcCodes: ReadonlySet<number>;
  /** Of one attempt, until its response's head. */
  readonly timeoutMs: number | undefined;
  /** The last attempt has that time too, and then fails. Default false: it has all that the route leaves. */
  readonly limitsLastAttempt?: boolean | undefined;
  readonly backoff:
    | { readonly minMs: number; readonly maxMs: number; readonly jitterRatio: number }
    | undefined;
  /** Methods that are not idempotent are repeated too. Default false. (A gRPC call is repeated wherever `grpcCodes` names a code.) */
  readonly repeatsAnyMethod?: boolean | undefined;
  /** Set: what these call a failure is repeated, by whichever method, and `statuses` and `grpcCodes` do not matter (ServiceProfiles). */
  readonly failures?: readonly ResponseRule[] | undefined;
  /** Absent: as many as `maxRetries` lets. Rules with the same object share one budget. */
  readonly budget?: RetryBudgetSettings | undefined;
}

/** How much retries may add to the load. */
export interface RetryBudgetSettings {
  /** Retries for each request that needed none. */
  readonly ratio: number;
  /** Retries that are allowed in any case. */
  readonly minPerSecond: number;
  /** How long a request counts. */
  readonly ttlMs: number;
}

/** When an endpoint that answers is taken out of service for failing too often. */
export interface FailureAccrual {
  /** Failures in a row; 0: they do not matter. */
  readonly maxConsecutiveFailures: number;
  /** Share of successes, 0 to 1, below which it goes; 0: it does not matter. */
  readonly successRateThreshold: number;
  /** Over how long the share is taken. */
  readonly decayMs: number;
  /** With fewer responses in that time the share says nothing. */
  readonly minRequests: number;
  /** Refusals for load (429, RESOURCE_EXHAUSTED) lower the share and fail probes. Default false: they are successes. */
  readonly countsLimited?: boolean;
  /** An ejection that would leave fewer endpoints than this does not happen. Default 0: all may go. */
  readonly minReadyEndpoints?: number;
  /** Pauses until the next probe. `respectRetryAfter`: not before the time that the server named. */
  readonly backoff: {
    readonly minMs: number;
    readonly maxMs: number;
    readonly jitterRatio: number;
    readonly respectRetryAfter?: boolean;
  };
}
