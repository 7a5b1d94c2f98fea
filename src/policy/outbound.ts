import type { Endpoint } from "./endpoint.ts";
import type { PolicyMeta } from "./meta.ts";
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
  };
  readonly retry: RetryPolicy | undefined;
  /** Backends that get copies of the rule's requests; absent: none. */
  readonly mirrors?: readonly RequestMirror[];
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
        readonly penaltyMs: number | undefined;
      }
    | { readonly kind: "forward"; readonly endpoint: Endpoint }
    /** No dispatcher: requests fail with 502. */
    | { readonly kind: "none" };
}

export interface RetryPolicy {
  readonly maxRetries: number;
  readonly maxRequestBytes: number;
  /** Inclusive ranges. */
  readonly statuses: readonly (readonly [start: number, end: number])[];
  readonly grpcCodes: ReadonlySet<number>;
  readonly timeoutMs: number | undefined;
  readonly backoff:
    | { readonly minMs: number; readonly maxMs: number; readonly jitterRatio: number }
    | undefined;
}

export interface FailureAccrual {
  readonly maxConsecutiveFailures: number;
  readonly successRateThreshold: number;
  readonly decayMs: number;
  readonly minRequests: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number; readonly jitterRatio: number };
}
