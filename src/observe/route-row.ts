import type { HttpFigures } from "./stat-row.ts";

/** Traffic of one route, from one side. */
export interface RouteRow {
  /** The resource that was asked about. */
  readonly name: string;
  /** Inbound: the Server; outbound: the Service or other parent. `[default]` where no object decided. */
  readonly parent: string;
  /** Namespace of the parent, where it is known. */
  readonly parentNamespace: string;
  readonly port: string;
  /** `[default]` where no object decided. */
  readonly route: string;
  /** Kind of the route; "" for a default one. */
  readonly routeType: string;
  readonly http: HttpFigures;
  /** Of all that ended. */
  readonly timeoutRate: number;
  /** Attempts that were repetitions, of all attempts. */
  readonly retryRate: number;
  /** Attempts a second, repetitions included, and how many of them succeeded: what the servers saw. */
  readonly actualRps: number;
  readonly actualSuccessRate: number;
  /** Where the requests went (outbound only). */
  readonly backends: readonly BackendRow[];
}

export interface BackendRow {
  /** Service of the endpoints. */
  readonly backend: string;
  readonly port: string;
  readonly http: HttpFigures;
  readonly timeoutRate: number;
}
