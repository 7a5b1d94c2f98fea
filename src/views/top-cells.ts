import { trySplitHostPort } from "../base/ip.ts";
import type { Exchange } from "../observe/exchange.ts";
import type { TopKeys, TopRow } from "../observe/top-rows.ts";
import type { PodFacts, PodIndex } from "../observe/workload.ts";
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

/** The table as text, for pipes. */
export function renderTopTable(rows: readonly TopRow[], keys: TopKeys): string {
  const { columns, cells } = topCells(rows, keys);
  return renderTable(columns, cells, 2);
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
