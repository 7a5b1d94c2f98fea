import type { BackendRow, RouteRow } from "../observe/route-row.ts";
import type { HttpFigures } from "../observe/stat-row.ts";
import type { TableContent } from "./mesh-view.ts";
import { formatLatency, formatRate, formatRps, wholeMs } from "./stat-table.ts";
import type { Column } from "./table.ts";

/** `stat-inbound`: routes of what came in. */
export function inboundTables(rows: readonly RouteRow[]): readonly TableContent[] {
  return tables(["NAME", "SERVER", "ROUTE", "TYPE"], FIGURES, rows, (row) => [
    row.name,
    `${row.parent}:${row.port}`,
    row.route,
    row.routeType,
    ...figures(row.http, plainRps),
  ]);
}

export function inboundData(rows: readonly RouteRow[]): readonly object[] {
  return rows.map((row) => ({
    name: row.name,
    server: row.parent,
    port: Number(row.port),
    route: row.route,
    routeType: row.routeType,
    successesRate: row.http.successRate,
    rps: row.http.rps,
    ...latencies(row.http),
  }));
}

/** `stat-outbound`: a line for each route, and below it one for each backend that its requests went to. */
export function outboundTables(rows: readonly RouteRow[]): readonly TableContent[] {
  if (rows.length === 0) return [];
  const lines = rows.flatMap((row) => [
    [
      row.name,
      `${row.parent}:${row.port}`,
      row.route,
      row.routeType,
      "",
      ...figures(row.http, plainRps),
      formatRate(row.timeoutRate),
      formatRate(row.retryRate),
    ],
    ...row.backends.map((backend, index) => [
      "",
      "",
      index === row.backends.length - 1 ? "└────────────────────►" : "├────────────────────►",
      "",
      `${backend.backend}:${backend.port}`,
      ...figures(backend.http, plainRps),
      formatRate(backend.timeoutRate),
      "",
    ]),
  ]);
  const left = ["NAME", "SERVICE", "ROUTE", "TYPE", "BACKEND"];
  return [{ columns: columnsOf(left, [...FIGURES, "TIMEOUTS", "RETRIES"]), rows: lines }];
}

export function outboundData(rows: readonly RouteRow[]): readonly object[] {
  return rows.flatMap((row) => {
    const key = {
      name: row.name,
      service: row.parent,
      port: Number(row.port),
      route: row.route,
      routeType: row.routeType,
    };
    const backendOf = ({ backend, port, http, timeoutRate }: BackendRow) => ({
      ...key,
      backend,
      backendPort: Number(port),
      successRate: http.successRate,
      rps: http.rps,
      ...latencies(http),
      timeoutRate,
    });
    return [
      {
        ...key,
        successRate: row.http.successRate,
        rps: row.http.rps,
        ...latencies(row.http),
        timeoutRate: row.timeoutRate,
        retryRate: row.retryRate,
      },
      ...row.backends.map(backendOf),
    ];
  });
}

/** How `routes` shows its figures: `attempts` tells what clients saw from what servers saw. */
export interface RoutesShape {
  readonly attempts: boolean;
}

/** `routes`: one table a resource, with a heading where there are several. */
export function routesTables(
  kind: string,
  rows: readonly RouteRow[],
  { attempts }: RoutesShape,
): readonly TableContent[] {
  const byName = Map.groupBy(rows, ({ name }) => name);
  const right = attempts
    ? ["EFFECTIVE_SUCCESS", "EFFECTIVE_RPS", "ACTUAL_SUCCESS", "ACTUAL_RPS", ...LATENCIES]
    : FIGURES;
  return [...byName].map(([name, own]) => ({
    heading: byName.size > 1 ? `==> ${kind}/${name} <==` : undefined,
    columns: columnsOf(["ROUTE", "SERVICE"], right),
    rows: own.map((row) => {
      const [success = "", rps = "", ...latency] = figures(row.http);
      const actual = [formatRate(row.actualSuccessRate), formatRps(row.actualRps)];
      return [routeName(row), row.parent, success, rps, ...(attempts ? actual : []), ...latency];
    }),
  }));
}

/** Rows by `type/name`. */
export function routesData(
  kind: string,
  rows: readonly RouteRow[],
  { attempts }: RoutesShape,
): Readonly<Record<string, readonly object[]>> {
  const byName = Map.groupBy(rows, ({ name }) => `${kind}/${name}`);
  return Object.fromEntries(
    [...byName].map(([name, own]) => [
      name,
      own.map((row) => ({
        route: routeName(row),
        authority: row.parentNamespace === "" ? row.parent : `${row.parent}.${row.parentNamespace}`,
        ...(attempts
          ? {
              effective_success: row.http.successRate,
              effective_rps: row.http.rps,
              actual_success: row.actualSuccessRate,
              actual_rps: row.actualRps,
            }
          : { success: row.http.successRate, rps: row.http.rps }),
        latency_ms_p50: wholeMs(row.http.p50Ms) ?? null,
        latency_ms_p95: wholeMs(row.http.p95Ms) ?? null,
        latency_ms_p99: wholeMs(row.http.p99Ms) ?? null,
      })),
    ]),
  );
}

const LATENCIES = ["LATENCY_P50", "LATENCY_P95", "LATENCY_P99"];
const FIGURES = ["SUCCESS", "RPS", ...LATENCIES];

function routeName({ route }: RouteRow): string {
  return route === "[default]" ? "[DEFAULT]" : route;
}

/** As the verbs by Server and Service have it: without a unit. */
function plainRps(rps: number): string {
  return rps.toFixed(2);
}

function figures(http: HttpFigures, rps: (rps: number) => string = formatRps): string[] {
  return [
    formatRate(http.successRate),
    rps(http.rps),
    formatLatency(http.p50Ms),
    formatLatency(http.p95Ms),
    formatLatency(http.p99Ms),
  ];
}

function latencies(http: HttpFigures): object {
  return {
    latencyMsP50: wholeMs(http.p50Ms) ?? null,
    latencyMsP95: wholeMs(http.p95Ms) ?? null,
    latencyMsP99: wholeMs(http.p99Ms) ?? null,
  };
}

function tables(
  left: readonly string[],
  right: readonly string[],
  rows: readonly RouteRow[],
  cells: (row: RouteRow) => readonly string[],
): readonly TableContent[] {
  return rows.length === 0 ? [] : [{ columns: columnsOf(left, right), rows: rows.map(cells) }];
}

function columnsOf(left: readonly string[], right: readonly string[]): readonly Column[] {
  return [
    ...left.map((header): Column => ({ header, align: "left" })),
    ...right.map((header): Column => ({ header, align: "right", ...rankOf(header) })),
  ];
}

/** What goes first where a screen has no room (see Column). */
const RANKS: Readonly<Record<string, number>> = {
  LATENCY_P95: 1,
  LATENCY_P50: 2,
  LATENCY_P99: 3,
  RETRIES: 4,
  TIMEOUTS: 5,
};

function rankOf(header: string): Pick<Column, "rank"> {
  const rank = RANKS[header];
  return rank === undefined ? {} : { rank };
}
