import type { StatRow } from "../observe/stat-row.ts";
import { type Column, renderTable } from "./table.ts";

/** What the table of one kind is made from. */
export interface StatTableView {
  readonly kind: { readonly name: string; readonly short: string };
  readonly rows: readonly StatRow[];
}

export interface StatTableOptions {
  /** Adds the column NAMESPACE. */
  readonly allNamespaces: boolean;
  /** Adds bytes a second. */
  readonly wide: boolean;
}

/** One table a kind, a blank line between; with several kinds, names are prefixed `deploy/`. "" when there is no row. */
export function renderStatTables(tables: readonly StatTableView[], options: StatTableOptions): string {
  return tables
    .filter((table) => table.rows.length > 0)
    .map((table) => {
      const { columns, cells } = statCells(table, options, tables.length > 1 ? `${table.kind.short}/` : "");
      return renderTable(columns, cells);
    })
    .join("\n");
}

/** Columns and cells of a table, for the live screen too. */
export function statCells(
  table: StatTableView,
  options: StatTableOptions,
  prefix: string,
): { readonly columns: readonly Column[]; readonly cells: readonly (readonly string[])[] } {
  const withNamespace = options.allNamespaces && table.kind.name !== "namespace";
  const withStatus = table.kind.name === "pod";
  const left = (header: string): Column => ({ header, align: "left" });
  const right = (header: string): Column => ({ header, align: "right" });
  const columns = [
    ...(withNamespace ? [left("NAMESPACE")] : []),
    left("NAME"),
    ...(withStatus ? [right("STATUS")] : []),
    ...["MESHED", "SUCCESS", "RPS", "LATENCY_P50", "LATENCY_P95", "LATENCY_P99", "TCP_CONN"].map(right),
    ...(options.wide ? ["READ_BYTES/SEC", "WRITE_BYTES/SEC"].map(right) : []),
  ];
  const cells = table.rows.map((row) => [
    ...(withNamespace ? [row.namespace] : []),
    `${prefix}${row.name}`,
    ...(withStatus ? [row.status ?? "-"] : []),
    row.meshed ? `${row.meshed.count}/${row.meshed.total}` : "-",
    row.http ? `${(row.http.successRate * 100).toFixed(2)}%` : "-",
    row.http ? `${row.http.rps.toFixed(1)}rps` : "-",
    formatLatency(row.http?.p50Ms),
    formatLatency(row.http?.p95Ms),
    formatLatency(row.http?.p99Ms),
    row.tcp ? String(row.tcp.openConnections) : "-",
    ...(options.wide ? [formatBytes(row.tcp?.readBytesRate), formatBytes(row.tcp?.writeBytesRate)] : []),
  ]);
  return { columns, cells };
}

/** The rows of all tables as one indented JSON array. Metrics without traffic are null. */
export function renderStatJson(tables: readonly StatTableView[]): string {
  const rows = tables.flatMap((table) =>
    table.rows.map((row) => ({
      namespace: row.namespace,
      kind: row.kind,
      name: row.name,
      ...(row.meshed ? { meshed: `${row.meshed.count}/${row.meshed.total}` } : {}),
      ...(row.status === undefined ? {} : { status: row.status }),
      success: row.http?.successRate ?? null,
      rps: row.http?.rps ?? null,
      latency_ms_p50: wholeMs(row.http?.p50Ms) ?? null,
      latency_ms_p95: wholeMs(row.http?.p95Ms) ?? null,
      latency_ms_p99: wholeMs(row.http?.p99Ms) ?? null,
      tcp_open_connections: row.tcp?.openConnections ?? null,
      tcp_read_bytes_rate: row.tcp?.readBytesRate ?? null,
      tcp_write_bytes_rate: row.tcp?.writeBytesRate ?? null,
    })),
  );
  return `${JSON.stringify(rows, undefined, 2)}\n`;
}

function formatLatency(ms: number | undefined): string {
  const whole = wholeMs(ms);
  return whole === undefined ? "-" : `${whole}ms`;
}

/** Whole milliseconds; what took less than one is 1, because nothing takes 0. */
function wholeMs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.max(1, Math.round(ms));
}

function formatBytes(rate: number | undefined): string {
  return rate === undefined ? "-" : `${rate.toFixed(1)}B/s`;
}
