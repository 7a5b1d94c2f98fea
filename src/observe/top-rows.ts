import type { Exchange, TapLine } from "./exchange.ts";
import { outcomeOf } from "./outcome.ts";

/** What rows of `top` are kept by. */
export interface TopKeys {
  readonly hideSources: boolean;
  /** By route instead of by method and path. */
  readonly routes: boolean;
}

export interface TopRow {
  readonly source: string;
  readonly destination: string;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly count: number;
  /** Of whole exchanges: from the request to its end, microseconds. */
  readonly bestUs: number;
  readonly worstUs: number;
  readonly lastUs: number;
  readonly successes: number;
}

export type TopSort = "count" | "worst" | "success";

/** Rows that are kept; more are folded into one whose path is `other`. */
const ROWS_MAX = 1000;

/** Groups exchanges that ended by who asked whom for what. */
export class TopTable {
  readonly #keys: TopKeys;
  readonly #rows = new Map<string, { -readonly [K in keyof TopRow]: TopRow[K] }>();

  constructor(keys: TopKeys) {
    this.#keys = keys;
  }

  /**
   * Counts an exchange at its end; other transitions and opaque connections pass.
   *
   * @param source      name of the client's pod, else its address
   * @param destination name of the server's pod, else its address
   */
  add(line: TapLine, source: string, destination: string): void {
    const { exchange } = line;
    if (line.event !== "closed" || exchange.protocol === "opaque" || exchange.protocol === "tls") return;
    const row = this.#row(exchange, source, destination);
    row.count++;
    row.lastUs = exchange.closedUs;
    row.bestUs = row.count === 1 ? exchange.closedUs : Math.min(row.bestUs, exchange.closedUs);
    row.worstUs = Math.max(row.worstUs, exchange.closedUs);
    if (outcomeOf(exchange) === "success") row.successes++;
  }

  /** Rows, the most counted (or worst, or least successful) first; equal ones in the order of their first request. */
  rows(sort: TopSort = "count"): readonly TopRow[] {
    const by: Record<TopSort, (row: TopRow) => number> = {
      count: (row) => -row.count,
      worst: (row) => -row.worstUs,
      success: (row) => row.successes / row.count,
    };
    return [...this.#rows.values()].map((row) => ({ ...row })).sort((a, b) => by[sort](a) - by[sort](b));
  }

  #row(exchange: Exchange, source: string, destination: string) {
    const { hideSources, routes } = this.#keys;
    let made = {
      source: hideSources ? "" : source,
      destination,
      method: routes ? "" : exchange.method,
      path: routes ? "" : withoutQuery(exchange.path),
      route: routes ? exchange.route || "[DEFAULT]" : "",
    };
    let key = Object.values(made).join("\n");
    const known = this.#rows.get(key);
    if (known) return known;
    if (this.#rows.size >= ROWS_MAX) {
      made = {
        source: "",
        destination: "",
        method: "",
        path: routes ? "" : "other",
        route: routes ? "other" : "",
      };
      key = Object.values(made).join("\n");
    }
    const row = this.#rows.get(key) ?? { ...made, count: 0, bestUs: 0, worstUs: 0, lastUs: 0, successes: 0 };
    this.#rows.set(key, row);
    return row;
  }
}

function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
