import { trySplitHostPort } from "../base/ip.ts";
import type { Exchange } from "../observe/exchange.ts";
import type { TopKeys, TopRow } from "../observe/top-rows.ts";
import type { PodFacts, PodIndex } from "../observe/workload.ts";
import type { TableContent } from "./mesh-view.ts";
import { type Column, renderTable } from "./table.ts";

/** Names of both ends of an exchange: pods where they are known, else addresses without their ports. */
export function topEnds(
  exchange: Exchange,
  pod: PodFacts,
  index: PodIndex,
): { readonly source: string; readonly destination: string } {
  const inbound = exchange.direction === "inbound";
  const address = inbound ? exchange.client : exchange.server;
  const ip = trySplitHostPort(address)?.host ?? address;
  const peer =
    index.find({ ip, labels: exchange.labels })?.name ?? exchange.labels.pod ?? (ip || exchange.target);
  return inbound ? { source: peer, destination: pod.name } : { source: pod.name, destination: peer };
}

/** Columns and cells of `top`. */
export function topCells(
  rows: readonly TopRow[],
  keys: TopKeys,
): { readonly columns: readonly Column[]; readonly cells: readonly (readonly string[])[] } {
  const columns: Column[] = [
    ...(keys.hideSources ? [] : [left("Source")]),
    left("Destination"),
    ...(keys.routes ? [left("Route")] : [left("Method"), left("Path")]),
    ...["Count", "Best", "Worst", "Last", "Success Rate"].map(right),
  ];
  const cells = rows.map((row) => [
    ...(keys.hideSources ? [] : [row.source]),
    row.destination,
    ...(keys.routes ? [row.route] : [row.method, row.path]),
    String(row.count),
    formatUs(row.bestUs),
    formatUs(row.worstUs),
    formatUs(row.lastUs),
    `${((row.successes / row.count) * 100).toFixed(2)}%`,
  ]);
  return { columns, cells };
}

export function topTables(rows: readonly TopRow[], keys: TopKeys): readonly TableContent[] {
  if (rows.length === 0) return [];
  const { columns, cells } = topCells(rows, keys);
  return [{ columns, rows: cells }];
}

/** Rows as JSON and the like have them, times in milliseconds. */
export function topData(rows: readonly TopRow[], keys: TopKeys): readonly object[] {
  return rows.map((row) => ({
    ...(keys.hideSources ? {} : { source: row.source }),
    destination: row.destination,
    ...(keys.routes ? { route: row.route } : { method: row.method, path: row.path }),
    count: row.count,
    best_ms: row.bestUs / 1000,
    worst_ms: row.worstUs / 1000,
    last_ms: row.lastUs / 1000,
    success: row.successes / row.count,
  }));
}

/** The table as text, for pipes. */
export function renderTopTable(rows: readonly TopRow[], keys: TopKeys): string {
  return topTables(rows, keys)
    .map((table) => renderTable(table.columns, table.rows, 2))
    .join("");
}

/** Whole microseconds below 1 ms, whole milliseconds below 1 s, whole seconds above. */
export function formatUs(us: number): string {
  if (us < 1000) return `${Math.round(us)}µs`;
  if (us < 1_000_000) return `${Math.round(us / 1000)}ms`;
  return `${Math.round(us / 1_000_000)}s`;
}

function left(header: string): Column {
  return { header, align: "left" };
}

function right(header: string): Column {
  return { header, align: "right" };
}
