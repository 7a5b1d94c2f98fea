import type { MeshView } from "./mesh-view.ts";
import type { Column } from "./table.ts";

/** An endpoint, as far as it is shown. */
export interface EndpointView {
  readonly namespace: string;
  readonly ip: string;
  readonly port: number;
  readonly pod: string;
  readonly service: string;
  readonly weight: number;
  readonly http2: object | undefined;
  readonly identity: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Endpoints, one table a namespace; `wide` adds identities. */
export function endpointsView(rows: readonly EndpointView[], options: { readonly wide: boolean }): MeshView {
  const columns = ["NAMESPACE", "IP", "PORT", "POD", "SERVICE", ...(options.wide ? ["IDENTITY"] : [])].map(
    (header): Column => ({ header, align: "left" }),
  );
  const byNamespace = Map.groupBy(rows, ({ namespace }) => namespace);
  return {
    tables: [...byNamespace.values()].map((own) => ({
      columns,
      rows: own.map((row) => [
        row.namespace || "-",
        row.ip,
        String(row.port),
        row.pod || "-",
        row.service || "-",
        ...(options.wide ? [row.identity || "-"] : []),
      ]),
    })),
    data: rows.map(({ http2, ...row }) => ({ ...row, ...(http2 === undefined ? {} : { http2 }) })),
    empty: "No endpoints found.\n",
    notices: [],
  };
}
