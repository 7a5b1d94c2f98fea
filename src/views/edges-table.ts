import type { EdgeRow } from "../observe/edge.ts";
import type { TableContent } from "./mesh-view.ts";
import { type Column, renderTable } from "./table.ts";

const SECURED = "√";

/** Edges as tables: one, or none when there are no edges. */
export function edgesTables(
  edges: readonly EdgeRow[],
  options: { readonly wide: boolean },
): readonly TableContent[] {
  if (edges.length === 0) return [];
  const shown = new Set<string>();
  const headers = [
    "SRC",
    "DST",
    "SRC_NS",
    "DST_NS",
    ...(options.wide ? ["CLIENT_ID", "SERVER_ID"] : []),
    "SECURED",
  ];
  return [
    {
      columns: headers.map((header): Column => ({ header, align: "left" })),
      rows: edges
        .map((edge) => [
          edge.src,
          edge.dst,
          edge.srcNamespace || "-",
          edge.dstNamespace || "-",
          ...(options.wide
            ? [shortenIdentity(edge.clientId) || "-", shortenIdentity(edge.serverId) || "-"]
            : []),
          edge.noTlsReason || SECURED,
        ])
        .filter((cells) => {
          // Without identities, connections of several accounts look alike: one line says as much.
          const line = cells.join("\u0000");
          return !shown.has(line) && shown.add(line);
        }),
    },
  ];
}

/** Edges as a table in text; "" when there are none. */
export function renderEdgesTable(edges: readonly EdgeRow[], options: { readonly wide: boolean }): string {
  return edgesTables(edges, options)
    .map((table) => renderTable(table.columns, table.rows))
    .join("");
}

/** Edges as JSON and the like have them. */
export function edgesData(edges: readonly EdgeRow[]): readonly object[] {
  return edges.map((edge) => ({
    src: edge.src,
    src_namespace: edge.srcNamespace,
    dst: edge.dst,
    dst_namespace: edge.dstNamespace,
    client_id: shortenIdentity(edge.clientId),
    server_id: shortenIdentity(edge.serverId),
    no_tls_reason: edge.noTlsReason,
  }));
}

/** `web.demo.serviceaccount.identity...` as `web.demo`. A name with fewer parts stays whole. */
export function shortenIdentity(identity: string): string {
  return identity.split(".").slice(0, 2).join(".");
}
