import { HISTOGRAM_BUCKETS, mergeHistogram, quantileMs } from "./histogram.ts";
import type { HttpStatsRow, TcpStatsRow } from "./stats.ts";

/** One line of `stat`: a resource and its traffic in the window. */
export interface StatRow {
  /** Canonical, lower case. */
  readonly kind: string;
  /** "" for a namespace. */
  readonly namespace: string;
  readonly name: string;
  /** Pods with a proxy, of all; undefined for services and policies, which have none of their own. */
  readonly meshed: { readonly count: number; readonly total: number } | undefined;
  /** Pods only. */
  readonly status: string | undefined;
  /** Routes only: the Server whose route it is. */
  readonly server?: string | undefined;
  /** Undefined: no request ended in the window. */
  readonly http: HttpFigures | undefined;
  /** Undefined: no connection was open or moved a byte. */
  readonly tcp: TcpFigures | undefined;
}

export interface HttpFigures {
  /** 0 to 1. */
  readonly successRate: number;
  /** Requests that ended, a second; denied ones are not among them. */
  readonly rps: number;
  /** Undefined when no response started. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Requests that were denied, a second. */
  readonly deniedRps: number;
}

export interface AttemptFigures {
  /** Requests that ended by a timeout, of all that ended. */
  readonly timeoutRate: number;
  /** Attempts that were repetitions, of all attempts. */
  readonly retryRate: number;
  /** Attempts a second, repetitions included. */
  readonly actualRps: number;
  readonly actualSuccessRate: number;
}

export interface TcpFigures {
  readonly openConnections: number;
  readonly readBytesRate: number;
  readonly writeBytesRate: number;
}

/**
 * Sums rows of several proxies. Each proxy's counts become rates over its own window, so that a young pod's are not
 * thinned by time in which it did not live.
 */
export class StatSum {
  readonly #latency = new Float64Array(HISTOGRAM_BUCKETS);
  #ended = 0;
  #successes = 0;
  #rps = 0;
  #deniedRps = 0;
  #retries = 0;
  #timeouts = 0;
  #retryRps = 0;
  #open = 0;
  #readRate = 0;
  #writeRate = 0;
  #hasTcp = false;

  addHttp(row: HttpStatsRow, windowMs: number): void {
    const ended = row.successes + row.failures;
    this.#ended += ended;
    this.#successes += row.successes;
    this.#rps += rate(ended, windowMs);
    this.#deniedRps += rate(row.denied, windowMs);
    this.#retries += row.retries;
    this.#timeouts += row.timeouts;
    this.#retryRps += rate(row.retries, windowMs);
    mergeHistogram(this.#latency, row.latency);
  }

  addTcp(row: TcpStatsRow, windowMs: number): void {
    this.#hasTcp = true;
    this.#open += row.open;
    this.#readRate += rate(row.readBytes, windowMs);
    this.#writeRate += rate(row.writeBytes, windowMs);
  }

  http(): HttpFigures | undefined {
    if (this.#ended === 0 && this.#deniedRps === 0) return undefined;
    return {
      successRate: this.#ended === 0 ? 0 : this.#successes / this.#ended,
      rps: this.#rps,
      p50Ms: quantileMs(this.#latency, 0.5),
      p95Ms: quantileMs(this.#latency, 0.95),
      p99Ms: quantileMs(this.#latency, 0.99),
      deniedRps: this.#deniedRps,
    };
  }

  /** What became of attempts, beside what clients saw. */
  attempts(): AttemptFigures {
    const attempts = this.#ended + this.#retries;
    return {
      timeoutRate: share(this.#timeouts, this.#ended),
      retryRate: share(this.#retries, attempts),
      actualRps: this.#rps + this.#retryRps,
      // What was repeated had failed.
      actualSuccessRate: share(this.#successes, attempts),
    };
  }

  tcp(): TcpFigures | undefined {
    if (!this.#hasTcp) return undefined;
    return { openConnections: this.#open, readBytesRate: this.#readRate, writeBytesRate: this.#writeRate };
  }
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function rate(count: number, windowMs: number): number {
  return windowMs > 0 ? count / (windowMs / 1000) : 0;
}
