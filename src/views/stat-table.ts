import type { StatRow } from "../observe/stat-row.ts";
import type { TableContent } from "./mesh-view.ts";
import type { Column } from "./table.ts";

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

/** One table a kind; with several kinds, names are prefixed `deploy/`. */
export function statTables(
  tables: readonly StatTableView[],
  options: StatTableOptions,
): readonly TableContent[] {
  const filled = tables.filter((table) => table.rows.length > 0);
  return filled.map((table) => statTable(table, options, filled.length > 1 ? `${table.kind.short}/` : ""));
}

/** A column, and what stands in it. */
interface StatColumn {
  readonly column: Column;
  readonly cell: (row: StatRow) => string;
}

function statTable(table: StatTableView, options: StatTableOptions, prefix: string): TableContent {
  const shown = columnsOf(table.kind.name, options, prefix);
  return {
    columns: shown.map(({ column }) => column),
    rows: table.rows.map((row) => shown.map(({ cell }) => cell(row))),
  };
}

/** What decides about requests has no pods, and only a Server has connections. */
const POLICY_KINDS = ["authorizationpolicy", "httproute", "server", "serverauthorization"];

function columnsOf(kind: string, options: StatTableOptions, prefix: string): readonly StatColumn[] {
  const isPolicy = POLICY_KINDS.includes(kind);
  const hasTcp = !isPolicy || kind === "server";
  const hasDenials = kind === "server" || kind === "httproute";
  const when = (shown: boolean, one: StatColumn): readonly StatColumn[] => (shown ? [one] : []);
  return [
    ...when(
      options.allNamespaces && kind !== "namespace",
      left("NAMESPACE", (row) => row.namespace),
    ),
    left("NAME", (row) => `${prefix}${row.name}`),
    ...when(
      kind === "pod",
      right("STATUS", (row) => row.status ?? "-", 3),
    ),
    ...when(
      kind === "httproute",
      left("SERVER", (row) => row.server ?? "-"),
    ),
    ...when(
      !isPolicy,
      right("MESHED", ({ meshed }) => (meshed ? `${meshed.count}/${meshed.total}` : "-"), 2),
    ),
    ...when(
      hasDenials,
      right("UNAUTHORIZED", ({ http }) => formatRps(http?.deniedRps)),
    ),
    right("SUCCESS", ({ http }) => (http ? formatRate(http.successRate) : "-")),
    right("RPS", ({ http }) => formatRps(http?.rps)),
    right("LATENCY_P50", ({ http }) => formatLatency(http?.p50Ms), 4),
    right("LATENCY_P95", ({ http }) => formatLatency(http?.p95Ms), 1),
    right("LATENCY_P99", ({ http }) => formatLatency(http?.p99Ms), 5),
    ...when(
      hasTcp,
      right("TCP_CONN", ({ tcp }) => (tcp ? String(tcp.openConnections) : "-"), 6),
    ),
    ...when(
      options.wide && hasTcp,
      right("READ_BYTES/SEC", ({ tcp }) => formatBytes(tcp?.readBytesRate), 8),
    ),
    ...when(
      options.wide && hasTcp,
      right("WRITE_BYTES/SEC", ({ tcp }) => formatBytes(tcp?.writeBytesRate), 7),
    ),
  ];
}

function left(header: string, cell: StatColumn["cell"]): StatColumn {
  return { column: { header, align: "left" }, cell };
}

/** @param rank see Column */
function right(header: string, cell: StatColumn["cell"], rank?: number): StatColumn {
  return { column: { header, align: "right", ...(rank === undefined ? {} : { rank }) }, cell };
}

/** The rows of all tables, as JSON and the like have them. Metrics without traffic are null. */
export function statData(tables: readonly StatTableView[]): readonly object[] {
  return tables.flatMap((table) =>
    table.rows.map((row) => ({
      namespace: row.namespace,
      kind: row.kind,
      name: row.name,
      ...(row.meshed ? { meshed: `${row.meshed.count}/${row.meshed.total}` } : {}),
      ...(row.status === undefined ? {} : { status: row.status }),
      ...(row.server === undefined ? {} : { server: row.server }),
      success: row.http?.successRate ?? null,
      rps: row.http?.rps ?? null,
      ...(row.kind === "server" || row.kind === "httproute"
        ? { unauthorized: row.http?.deniedRps ?? null }
        : {}),
      latency_ms_p50: wholeMs(row.http?.p50Ms) ?? null,
      latency_ms_p95: wholeMs(row.http?.p95Ms) ?? null,
      latency_ms_p99: wholeMs(row.http?.p99Ms) ?? null,
      ...(POLICY_KINDS.includes(row.kind) && row.kind !== "server"
        ? {}
        : {
            tcp_open_connections: row.tcp?.openConnections ?? null,
            tcp_read_bytes_rate: row.tcp?.readBytesRate ?? null,
            tcp_write_bytes_rate: row.tcp?.writeBytesRate ?? null,
          }),
    })),
  );
}

export function formatRate(rate: number): string {
  return `${(rate * 100).toFixed(2)}%`;
}

export function formatRps(rps: number | undefined): string {
  return rps === undefined ? "-" : `${rps.toFixed(1)}rps`;
}

export function formatLatency(ms: number | undefined): string {
  const whole = wholeMs(ms);
  return whole === undefined ? "-" : `${whole}ms`;
}

/** Whole milliseconds; what took less than one is 1, because nothing takes 0. */
export function wholeMs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.max(1, Math.round(ms));
}

function formatBytes(rate: number | undefined): string {
  return rate === undefined ? "-" : `${rate.toFixed(1)}B/s`;
}
