import { MeshError } from "../base/error.ts";
import type { Exchange } from "../observe/exchange.ts";
import { grpcStatusName } from "../observe/grpc-status.ts";
import type { PodIndex } from "../observe/workload.ts";
import type { TapEventView } from "./tap-lines.ts";
import { formatUs, topEnds } from "./top-cells.ts";

type Cell = (exchange: Exchange, ends: { readonly source: string; readonly destination: string }) => string;

/** What `--columns` may name. */
const COLUMNS: Readonly<Record<string, Cell>> = {
  time: ({ openedAtMs }) => new Date(openedAtMs).toISOString().slice(11, 23),
  direction: ({ direction }) => (direction === "inbound" ? "in" : "out"),
  src: (_exchange, { source }) => source,
  dst: (_exchange, { destination }) => destination,
  client: ({ client }) => client,
  server: ({ server }) => server,
  method: ({ method }) => method,
  authority: ({ authority }) => authority,
  path: ({ path, pathTruncated }) => (pathTruncated ? `${path}...` : path),
  protocol: ({ protocol }) => protocol,
  status: ({ status }) => (status === 0 ? "-" : String(status)),
  grpc: ({ grpcStatus }) => (grpcStatus < 0 ? "-" : grpcStatusName(grpcStatus)),
  latency: ({ responseUs }) => (responseUs < 0 ? "-" : formatUs(responseUs)),
  duration: ({ closedUs }) => (closedUs < 0 ? "-" : formatUs(closedUs)),
  sent: ({ requestBytes }) => `${requestBytes}B`,
  received: ({ responseBytes }) => `${responseBytes}B`,
  tls: ({ tls }) => tls || "-",
  peer: ({ peerIdentity }) => peerIdentity.split(".").slice(0, 2).join(".") || "-",
  route: ({ route }) => lastPart(route),
  policy: ({ parent }) => lastPart(parent),
  authorization: ({ authorization }) => lastPart(authorization),
  verdict: ({ verdict }) => verdict || "-",
  attempts: ({ attempts }) => String(attempts),
  endpoint: ({ endpointReason }) => endpointReason || "-",
  error: ({ error }) => error || "-",
};

export const COLUMN_NAMES: readonly string[] = Object.keys(COLUMNS);
const GAP = "  ";

/** @throws MeshError `TAP_COLUMNS` for one that there is not */
export function checkColumns(names: readonly string[]): void {
  const unknown = names.find((name) => !Object.hasOwn(COLUMNS, name));
  if (unknown === undefined && names.length > 0) return;
  throw new MeshError({
    kind: "usage",
    code: "TAP_COLUMNS",
    message: unknown === undefined ? "no column is named" : `there is no column "${unknown}"`,
    hint: `choose from ${COLUMN_NAMES.join(", ")}`,
  });
}

/**
 * Requests as a table that grows: one line each, when it has ended. A column is as wide as its widest cell so far, because what
 * comes is not known.
 */
export class TapColumns {
  readonly #names: readonly string[];
  readonly #index: PodIndex;
  readonly #widths: number[];
  #hasHeader = false;

  /** @param names as `checkColumns` wants them */
  constructor(names: readonly string[], index: PodIndex) {
    this.#names = names;
    this.#index = index;
    this.#widths = names.map((name) => name.length);
  }

  /** Text for one event: none, or a line (and the header before the first). */
  print({ line, pod }: TapEventView): string {
    const { exchange } = line;
    if (line.event !== "closed" || exchange.protocol === "opaque" || exchange.protocol === "tls") return "";
    const ends = topEnds(exchange, pod, this.#index);
    const cells = this.#names.map((name) => COLUMNS[name]!(exchange, ends));
    for (const [index, cell] of cells.entries()) {
      this.#widths[index] = Math.max(this.#widths[index]!, cell.length);
    }
    const header = this.#hasHeader ? "" : this.#line(this.#names.map((name) => name.toUpperCase()));
    this.#hasHeader = true;
    return header + this.#line(cells);
  }

  #line(cells: readonly string[]): string {
    const padded = cells.map((cell, index) => cell.padEnd(this.#widths[index]!));
    return `${padded.join(GAP).trimEnd()}\n`;
  }
}

/** `web-reads` of `policy.meshctl.io/AuthorizationPolicy/web-reads`. */
function lastPart(key: string): string {
  return key.split("/").slice(2).join("/") || "-";
}
