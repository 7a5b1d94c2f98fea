import type { HttpFigures } from "../observe/stat-row.ts";
import type { TableContent } from "./mesh-view.ts";
import { formatLatency, formatRate, formatRps, wholeMs } from "./stat-table.ts";
import type { Column } from "./table.ts";

export interface AuthzView {
  readonly route: string;
  readonly server: string;
  readonly authorization: string;
  readonly http: HttpFigures | undefined;
}

/** Traffic by authorization. What nothing authorized has a blank there: it was refused. */
export function authzTables(rows: readonly AuthzView[]): readonly TableContent[] {
  if (rows.length === 0) return [];
  const left = ["ROUTE", "SERVER", "AUTHORIZATION"].map((header): Column => ({ header, align: "left" }));
  const right = ["UNAUTHORIZED", "SUCCESS", "RPS", "LATENCY_P50", "LATENCY_P95", "LATENCY_P99"].map(
    (header): Column => ({ header, align: "right", ...(header.startsWith("LATENCY") ? { rank: 1 } : {}) }),
  );
  return [
    {
      columns: [...left, ...right],
      rows: rows.map(({ route, server, authorization, http }) => [
        route,
        server,
        authorization,
        formatRps(http?.deniedRps),
        isServed(http) ? formatRate(http.successRate) : "-",
        isServed(http) ? formatRps(http.rps) : "-",
        formatLatency(http?.p50Ms),
        formatLatency(http?.p95Ms),
        formatLatency(http?.p99Ms),
      ]),
    },
  ];
}

/** Rows without the keys that would have a `-` in the table. */
export function authzData(rows: readonly AuthzView[]): readonly object[] {
  return rows.map(({ route, server, authorization, http }) => ({
    route,
    server,
    authorization,
    ...(http ? { unauthorized: http.deniedRps } : {}),
    ...(isServed(http) ? { success: http.successRate, rps: http.rps } : {}),
    ...(http?.p50Ms === undefined
      ? {}
      : {
          latency_ms_p50: wholeMs(http.p50Ms),
          latency_ms_p95: wholeMs(http.p95Ms),
          latency_ms_p99: wholeMs(http.p99Ms),
        }),
  }));
}

/** Whether a request was let in at all. */
function isServed(http: HttpFigures | undefined): http is HttpFigures {
  return http !== undefined && http.rps > 0;
}
