import type { RecordRing, RingAnswer } from "../../observe/ring.ts";
import type { StatsReply } from "../../observe/stats.ts";
import { matchTap, type TapFilter, tapSubject } from "../../observe/tap-filter.ts";
import type { TapHandle, TapSubscription } from "../../observe/tap-hub.ts";

/** What the admin port tells of the pod's traffic: of this thread, or of all workers together. */
export interface AdminSources {
  readonly version: string;
  readonly identity: string;
  readonly tap: TapSource;
  /** In the Prometheus text format. */
  readMetrics(): string | Promise<string>;
  readStats(windowMs: number): StatsReply | Promise<StatsReply>;
  readRecords(query: RecordsQuery): RingAnswer | Promise<RingAnswer>;
}

export interface TapSource {
  /** Taps that listen now. */
  readonly count: number;
  subscribe(subscription: TapSubscription): TapHandle;
}

/** Plain data, which may cross threads. */
export interface RecordsQuery {
  /** Wall clock, ms; only exchanges that opened then or later. */
  readonly sinceMs: number;
  /** The newest ones; undefined: all. */
  readonly limit: number | undefined;
  readonly filter: TapFilter;
}

export function readRing(ring: RecordRing, { sinceMs, limit, filter }: RecordsQuery): RingAnswer {
  return ring.read({
    sinceMs,
    isWanted: (exchange) => matchTap(filter, tapSubject(exchange), true) === "yes",
    ...(limit === undefined ? {} : { limit }),
  });
}
