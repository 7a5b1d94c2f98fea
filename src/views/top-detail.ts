import type { Exchange } from "../observe/exchange.ts";
import { grpcStatusName } from "../observe/grpc-status.ts";
import type { TopRow } from "../observe/top-rows.ts";
import type { TableContent } from "./mesh-view.ts";
import { tableLines } from "./print-view.ts";
import { formatUs } from "./top-cells.ts";

/** Lines about one row of `top`: its sums, and its latest exchanges. */
export function topDetail(row: TopRow, width: number): readonly string[] {
  const statuses = [...row.statuses].sort(([a], [b]) => a - b);
  return [
    [row.source, "->", row.destination, row.method, row.path, row.route]
      .filter((part) => part !== "")
      .join(" "),
    `${row.count} requests; ${statuses.map(([status, times]) => `${status === 0 ? "no status" : status}: ${times}`).join(", ")}`,
    "",
    ...tableLines(recentTable(row.recent), width),
  ];
}

function recentTable(recent: readonly Exchange[]): TableContent {
  const left = ["TIME", "PATH", "STATUS", "LATENCY", "DURATION", "TLS", "PEER", "ROUTE", "ENDPOINT", "ERROR"];
  return {
    columns: left.map((header) => ({ header, align: "left" }) as const),
    rows: recent
      .toReversed()
      .map((exchange) => [
        new Date(exchange.openedAtMs).toISOString().slice(11, 23),
        exchange.path,
        exchange.grpcStatus < 0
          ? String(exchange.status || "-")
          : `${exchange.status} ${grpcStatusName(exchange.grpcStatus)}`,
        exchange.responseUs < 0 ? "-" : formatUs(exchange.responseUs),
        formatUs(exchange.closedUs),
        exchange.tls || "-",
        exchange.peerIdentity.split(".").slice(0, 2).join(".") || "-",
        exchange.route.split("/").slice(2).join("/") || "-",
        exchange.endpointReason || "-",
        exchange.error || "-",
      ]),
  };
}
