import type { Network } from "../base/ip.ts";
import type { PolicyMeta } from "./meta.ts";
import type { HostMatch, HttpFilter, HttpMatch } from "./route.ts";

/** What a port of a pod lets in: the proxy's view of `io.linkerd.proxy.inbound.Server`. */
export interface ServerPolicy {
  readonly meta: PolicyMeta;
  readonly protocol:
    | { readonly kind: "detect"; readonly timeoutMs: number }
    | { readonly kind: "opaque" }
    | { readonly kind: "tls" }
    | { readonly kind: "http1" }
    | { readonly kind: "http2" }
    | { readonly kind: "grpc" };
  readonly authorizations: readonly Authorization[];
  /** Empty: one implicit route that matches everything. Ignored by opaque and tls. */
  readonly routes: readonly InboundRoute[];
  readonly rateLimit: RateLimit | undefined;
  /** `audit`: everything is authorized, and what would not be is recorded. */
  readonly audit: boolean;
}

export interface InboundRoute {
  readonly meta: PolicyMeta;
  readonly hosts: readonly HostMatch[];
  readonly authorizations: readonly Authorization[];
  readonly rules: readonly {
    readonly matches: readonly HttpMatch[];
    readonly filters: readonly HttpFilter[];
  }[];
}

export interface Authorization {
  readonly meta: PolicyMeta;
  readonly networks: readonly { readonly network: Network; readonly except: readonly Network[] }[];
  readonly authentication:
    | { readonly kind: "unauthenticated" }
    | { readonly kind: "tls-unauthenticated" }
    | {
        readonly kind: "identities";
        readonly identities: ReadonlySet<string>;
        /** Each like `.foo.bar` (a name must end so), or "" for any identity. */
        readonly suffixes: readonly string[];
      };
}

export interface RateLimit {
  readonly meta: PolicyMeta;
  /** Requests per second; 0 is unset. */
  readonly total: number;
  readonly perIdentity: number;
  readonly overrides: readonly {
    readonly identities: ReadonlySet<string>;
    readonly requestsPerSecond: number;
  }[];
}
