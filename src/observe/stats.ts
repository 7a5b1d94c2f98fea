import type { SparseHistogram } from "./histogram.ts";

/**
 * What `GET /stats?window=60s` of a proxy's admin port answers: mergeable counts of the last full seconds.
 *
 * One row for each distinct key; rows are bounded (512 a direction; what does not fit is folded into a row whose
 * strings are `other`).
 */
export interface StatsReply {
  readonly version: 1;
  /** Milliseconds that the answer covers: the window asked for, or less when the proxy is younger. */
  readonly windowMs: number;
  /** Wall clock of the proxy at the end of the window, ms since the epoch. */
  readonly nowMs: number;
  readonly uptimeMs: number;
  readonly proxyVersion: string;
  /** The proxy's own mesh identity. */
  readonly identity: string;
  readonly http: readonly HttpStatsRow[];
  readonly tcp: readonly TcpStatsRow[];
}

/** The other end of an exchange. For inbound: the client. For outbound: the server endpoint. */
export interface PeerKey {
  /** Mesh identity that was verified, or "". */
  readonly identity: string;
  /** IP without port; "" for outbound rows that reached no endpoint. */
  readonly ip: string;
  /** Endpoint labels from discovery (outbound only): `pod`, `deployment`, `namespace`, `service`, ... */
  readonly labels: Readonly<Record<string, string>>;
}

export interface StatsKey {
  readonly direction: "inbound" | "outbound";
  readonly peer: PeerKey;
  /** `true`, or why not: `no_tls_from_remote`, `loopback`, `port_skipped`, `not_provided_by_service_discovery`, `passthru`, ... */
  readonly tls: string;
  /** Inbound: the port. Outbound: `name:port` or `ip:port` of the target, as the client named it. */
  readonly target: string;
  /** `group/kind/name` of the policy Server (inbound), or of the parent (outbound): `/default/all-unauthenticated`, `core/Service/web`. */
  readonly parent: string;
  readonly route: string;
  /** `group/kind/name` of what authorized, or "" (denied, or outbound). */
  readonly authorization: string;
}

export interface HttpStatsRow extends StatsKey {
  readonly requests: number;
  /** Responses (or local failures) whose classification is success: HTTP below 500 and no failing gRPC status. */
  readonly successes: number;
  readonly failures: number;
  /** Refused by policy (403). Also counted in failures: no; a denial is neither success nor failure. */
  readonly denied: number;
  readonly retries: number;
  readonly timeouts: number;
  /** From the request's arrival to the response's last byte's first (response start), microseconds, log-scale. */
  readonly latency: SparseHistogram;
}

export interface TcpStatsRow extends StatsKey {
  /** Open at the end of the window. */
  readonly open: number;
  /** Opened within the window. */
  readonly opened: number;
  readonly readBytes: number;
  readonly writeBytes: number;
}
