import type { Exchange, TapLine } from "./exchange.ts";
import { groupPath } from "./group-path.ts";
import { outcomeOf } from "./outcome.ts";

/** What rows of `top` are kept by. */
export interface TopKeys {
  readonly hideSources: boolean;
  /** By route instead of by method and path. */
  readonly routes: boolean;
}

export interface TopRow {
  /** The same row has the same key in every answer. */
  readonly key: string;
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
  /** How many ended with each status; 0: without one. */
  readonly statuses: ReadonlyMap<number, number>;
  /** The latest exchanges, newest last. */
  readonly recent: readonly Exchange[];
}

export const TOP_SORTS = ["count", "worst", "last", "success"] as const;
export type TopSort = (typeof TOP_SORTS)[number];

/** Rows that are kept; more are folded into one whose path is `other`. */
const ROWS_MAX = 1000;
/** Exchanges that are kept of each row. */
const RECENT_MAX = 5;

interface Growing extends Omit<TopRow, "statuses" | "recent"> {
  count: number;
  bestUs: number;
  worstUs: number;
  lastUs: number;
  successes: number;
  statuses: Map<number, number>;
  recent: Exchange[];
}

/** Where paths stand as they are, and where their ids are one. */
type Paths = "raw" | "grouped";

/** Groups exchanges that ended by who asked whom for what. */
export class TopTable {
  readonly #keys: TopKeys;
  readonly #rows: Readonly<Record<Paths, Map<string, Growing>>> = { raw: new Map(), grouped: new Map() };

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
    const isSuccess = outcomeOf(exchange) === "success";
    const raw = withoutQuery(exchange.path);
    // Both are kept up to date, so that a key changes the view and not the past.
    count(this.#row("raw", exchange, source, destination, raw), exchange, isSuccess);
    count(this.#row("grouped", exchange, source, destination, groupPath(raw)), exchange, isSuccess);
  }

  /**
   * Rows, the most counted (or worst, or slowest last, or least successful) first; equal ones in the order of their first request.
   *
   * @param paths ids in paths as one row (`/users/:id`), or each as it is
   */
  rows(sort: TopSort = "count", paths: Paths = "grouped"): readonly TopRow[] {
    const by: Record<TopSort, (row: TopRow) => number> = {
      count: (row) => -row.count,
      worst: (row) => -row.worstUs,
      last: (row) => -row.lastUs,
      success: (row) => row.successes / row.count,
    };
    return [...this.#rows[paths].values()]
      .map((row) => ({ ...row, recent: [...row.recent] }))
      .sort((a, b) => by[sort](a) - by[sort](b));
  }

  #row(paths: Paths, exchange: Exchange, source: string, destination: string, path: string): Growing {
    const { hideSources, routes } = this.#keys;
    const rows = this.#rows[paths];
    const made = {
      source: hideSources ? "" : source,
      destination,
      method: routes ? "" : exchange.method,
      path: routes ? "" : path,
      route: routes ? exchange.route || "[DEFAULT]" : "",
    };
    const key = `${made.source}\n${destination}\n${made.method}\n${made.path}\n${made.route}`;
    const known = rows.get(key);
    if (known) return known;
    return rows.size < ROWS_MAX ? start(rows, key, made) : this.#overflow(rows);
  }

  #overflow(rows: Map<string, Growing>): Growing {
    const other = { path: this.#keys.routes ? "" : "other", route: this.#keys.routes ? "other" : "" };
    const key = "other";
    return rows.get(key) ?? start(rows, key, { source: "", destination: "", method: "", ...other });
  }
}

type Named = Pick<TopRow, "source" | "destination" | "method" | "path" | "route">;

function start(rows: Map<string, Growing>, key: string, named: Named): Growing {
  const row = {
    key,
    ...named,
    count: 0,
    bestUs: 0,
    worstUs: 0,
    lastUs: 0,
    successes: 0,
    statuses: new Map<number, number>(),
    recent: [],
  };
  rows.set(key, row);
  return row;
}

function count(row: Growing, exchange: Exchange, isSuccess: boolean): void {
  row.count++;
  row.lastUs = exchange.closedUs;
  row.bestUs = row.count === 1 ? exchange.closedUs : Math.min(row.bestUs, exchange.closedUs);
  row.worstUs = Math.max(row.worstUs, exchange.closedUs);
  if (isSuccess) row.successes++;
  row.statuses.set(exchange.status, (row.statuses.get(exchange.status) ?? 0) + 1);
  row.recent.push(exchange);
  if (row.recent.length > RECENT_MAX) row.recent.shift();
}

function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
