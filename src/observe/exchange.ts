/**
 * One exchange as the world sees it: what `/records` and `/tap` send, one JSON object a line, and what `tap`, `top` and
 * `why` read. The proxy keeps the same facts in fixed slots (see ring.ts); this is their readable form.
 */
export interface Exchange {
  /** Unique within the proxy's life: ascending. */
  readonly id: number;
  readonly protocol: "http/1" | "http/2" | "grpc" | "opaque" | "tls";
  readonly direction: "inbound" | "outbound";
  /** Wall clock when it opened, ms since the epoch. */
  readonly openedAtMs: number;
  /** `ip:port`. Inbound: the remote client. Outbound: the application. */
  readonly client: string;
  /** `ip:port`. Inbound: the original destination. Outbound: the chosen endpoint, or "" before there is one. */
  readonly server: string;
  /** Inbound: the client's identity. Outbound: the endpoint's. "" when none. */
  readonly peerIdentity: string;
  /** As StatsKey.tls. */
  readonly tls: string;
  /** Endpoint labels from discovery (outbound). */
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string;
  readonly method: string;
  readonly authority: string;
  /** At most 96 bytes; `pathTruncated` says when there was more. */
  readonly path: string;
  readonly pathTruncated?: boolean;
  readonly parent: string;
  readonly route: string;
  /** What authorized or denied: `group/kind/name`; "" outbound. */
  readonly authorization: string;
  readonly verdict: "" | "allowed" | "denied" | "limited" | "audited";
  /** HTTP status sent to the client; 0 while there is none. */
  readonly status: number;
  /** gRPC status, or -1. */
  readonly grpcStatus: number;
  /** Why the proxy answered itself or cut the exchange: a short phrase; "" when it did not. */
  readonly error: string;
  /** Attempts made (1 without retries). */
  readonly attempts: number;
  /** Why this endpoint: `p2c 2 of 3 ready`, `forward`, ... */
  readonly endpointReason: string;
  /** Microseconds since it opened; -1 when not reached. */
  readonly queueUs: number;
  readonly dialUs: number;
  readonly tlsUs: number;
  readonly responseUs: number;
  readonly closedUs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** A line of `GET /tap`: a transition, with the exchange as it is then. */
export interface TapLine {
  readonly event: "opened" | "responded" | "closed";
  readonly exchange: Exchange;
  /** Only when asked for with `headers=true`; credentials masked. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

/** First line of `/records` and `/tap`: what the answer covers. */
export interface CoverageLine {
  readonly coverage: {
    readonly fromMs: number;
    readonly toMs: number;
    /** Exchanges that were overwritten or not sent since the last line (back-pressure). */
    readonly lost: number;
    readonly proxyVersion: string;
    readonly identity: string;
  };
}
