import type { EdgeRow } from "../observe/edge.ts";
import { type Column, renderTable } from "./table.ts";

const SECURED = "√";

/** Edges as a table; "" when there are none. */
export function renderEdgesTable(edges: readonly EdgeRow[], options: { readonly wide: boolean }): string {
  if (edges.length === 0) return "";
  const headers = [
    "SRC",
    "DST",
    "SRC_NS",
    "DST_NS",
    ...(options.wide ? ["CLIENT_ID", "SERVER_ID"] : []),
    "SECURED",
  ];
  const columns = headers.map((header): Column => ({ header, align: "left" }));
  return renderTable(
    columns,
    edges.map((edge) => [
      edge.src,
      edge.dst,
      edge.srcNamespace || "-",
      edge.dstNamespace || "-",
      ...(options.wide ? [shortenIdentity(edge.clientId) || "-", shortenIdentity(edge.serverId) || "-"] : []),
      edge.noTlsReason || SECURED,
    ]),
  );
}

/** Edges as one indented JSON array. */
export function renderEdgesJson(edges: readonly EdgeRow[]): string {
  const rows = edges.map((edge) => ({
    src: edge.src,
    src_namespace: edge.srcNamespace,
    dst: edge.dst,
    dst_namespace: edge.dstNamespace,
    client_id: shortenIdentity(edge.clientId),
    server_id: shortenIdentity(edge.serverId),
    no_tls_reason: edge.noTlsReason,
  }));
  return `${JSON.stringify(rows, undefined, 2)}\n`;
}

/** `web.demo.serviceaccount.identity...` as `web.demo`. A name with fewer parts stays whole. */
export function shortenIdentity(identity: string): string {
  return identity.split(".").slice(0, 2).join(".");
}
