import type { Clock } from "../base/clock.ts";
import { COUNTER, CountFrame } from "./count-frame.ts";
import { HISTOGRAM_BUCKETS, histogramIndex } from "./histogram.ts";
import type { LiveExchange, LiveTransport } from "./live-exchange.ts";
import { isHttp, outcomeOf } from "./outcome.ts";
import type { Observer } from "./recorder.ts";
import type { HttpStatsRow, StatsReply, TcpStatsRow } from "./stats.ts";
import { type StatsRow, StatsRows } from "./stats-rows.ts";

/** Frames of one second: the last minute, the second that is being counted, and slack for a late tick. */
const FINE_FRAMES = 64;
const COARSE_SECONDS = 10;
/** Frames of ten seconds: ten minutes and the one that is being counted. */
const COARSE_FRAMES = 62;
const WINDOW_SECONDS_MAX = 600;
const FRAME_ENTRIES_MAX = 8192;

export interface WindowsOptions {
  readonly clock: Clock;
  readonly proxyVersion: string;
  readonly identity: string;
  /** Distinct keys a direction. Default 512. */
  readonly keysMax?: number;
}

export interface Windows extends Observer {
  /** Merged counts of the last full seconds, `windowMs` at most (10 minutes at most, whole seconds). */
  reply(windowMs: number): StatsReply;
  /** Bytes of the frames now: under 1 MB for common traffic, 12 MB at worst (126 full frames). */
  readonly bytes: number;
}

/**
 * Rolling windows: who talked to whom in the last seconds, in mergeable counts.
 *
 *   fine    | s-63 | ... | s-1 | s |            64 frames of 1 s
 *   coarse  | 10 s | ... | 10 s |               62 frames of 10 s, sums of fine ones
 *
 * A window of up to a minute is a sum of full fine frames. A longer one takes the fine frames since the last full ten seconds and
 * coarse frames before them, so it is exact to the second at its end and to ten seconds at its start; the reply says how long it is.
 *
 * HTTP: `requests` and latency are counted when the response starts (or at the end without one), outcome at the end.
 * Connections: accepted ones inbound, dialled ones outbound (the sides that face other pods); bytes are sampled each second.
 */
export function createWindows(options: WindowsOptions): Windows {
  const { clock } = options;
  const startedAt = clock.monotonic();
  const rows = new StatsRows(options.keysMax ?? 512, WINDOW_SECONDS_MAX + 2 * COARSE_SECONDS);
  const fine = Array.from({ length: FINE_FRAMES }, () => new CountFrame(FRAME_ENTRIES_MAX));
  const coarse = Array.from({ length: COARSE_FRAMES }, () => new CountFrame(FRAME_ENTRIES_MAX));
  const open = new Map<LiveTransport, { row: StatsRow; readBytes: number; writeBytes: number }>();
  let ticking = false;
  /** The first ten seconds that are in no coarse frame yet. */
  let coarseUpTo = 0;

  const secondOf = (monotonic: number): number => Math.floor((monotonic - startedAt) / 1000);
  const nowSecond = (): number => secondOf(clock.monotonic());

  const frameAt = (frames: readonly CountFrame[], span: number): CountFrame => {
    const frame = frames[span % frames.length]!;
    if (frame.span !== span) frame.restart(span);
    return frame;
  };

  const count = (row: StatsRow, column: number, amount: number, second: number): void => {
    if (amount === 0) return;
    row.lastSecond = second;
    if (second >= coarseUpTo * COARSE_SECONDS + COARSE_SECONDS) sumUp(second);
    frameAt(fine, second).add(row.index, column, amount);
  };

  /** Sums the fine frames of each ten seconds that are over into a coarse one, before a later second takes their place. */
  const sumUp = (second: number): void => {
    const current = Math.floor(second / COARSE_SECONDS);
    coarseUpTo = Math.max(coarseUpTo, current - COARSE_FRAMES);
    for (; coarseUpTo < current; coarseUpTo++) {
      const into = frameAt(coarse, coarseUpTo);
      for (let part = 0; part < COARSE_SECONDS; part++) {
        const span = coarseUpTo * COARSE_SECONDS + part;
        const frame = fine[span % FINE_FRAMES]!;
        if (frame.span === span) frame.forEach((row, column, amount) => void into.add(row, column, amount));
      }
    }
  };

  /** The row of an exchange, looked up once in its life: its key is settled when the response starts. */
  const rowOf = (exchange: LiveExchange, second: number): StatsRow => {
    const known = exchange.statsRow as StatsRow | undefined;
    if (known && rows.at(known.index) === known) return known;
    const row = rows.row(exchange, second);
    exchange.statsRow = row;
    return row;
  };

  const countRequest = (exchange: LiveExchange, row: StatsRow, second: number): void => {
    count(row, COUNTER.requests, 1, second);
    if (exchange.responded < 0) return;
    count(row, histogramIndex((exchange.responded - exchange.opened) * 1000), 1, second);
  };

  const sample = (
    transport: LiveTransport,
    entry: { row: StatsRow; readBytes: number; writeBytes: number },
  ): void => {
    const second = nowSecond();
    count(entry.row, COUNTER.readBytes, transport.readBytes - entry.readBytes, second);
    count(entry.row, COUNTER.writeBytes, transport.writeBytes - entry.writeBytes, second);
    entry.readBytes = transport.readBytes;
    entry.writeBytes = transport.writeBytes;
  };

  const tick = (): void => {
    for (const [transport, entry] of open) sample(transport, entry);
    ticking = open.size > 0;
    if (ticking) clock.schedule(1000, tick);
  };

  /** Frames that together are the last `windowMs`, and how long they are. */
  const chooseFrames = (windowMs: number): { frames: CountFrame[]; seconds: number } => {
    const current = nowSecond();
    sumUp(current);
    const wanted = Math.min(Math.floor(windowMs / 1000), WINDOW_SECONDS_MAX, current);
    const frames: CountFrame[] = [];
    const take = (from: readonly CountFrame[], span: number): void => {
      const frame = from[span % from.length]!;
      if (frame.span === span) frames.push(frame);
    };
    if (wanted < FINE_FRAMES - 2) {
      for (let second = current - wanted; second < current; second++) take(fine, second);
      return { frames, seconds: wanted };
    }
    const currentCoarse = Math.floor(current / COARSE_SECONDS);
    const recent = current - currentCoarse * COARSE_SECONDS;
    for (let second = current - recent; second < current; second++) take(fine, second);
    const older = Math.floor((wanted - recent) / COARSE_SECONDS);
    for (let span = currentCoarse - older; span < currentCoarse; span++) take(coarse, span);
    return { frames, seconds: recent + older * COARSE_SECONDS };
  };

  return {
    responded(exchange) {
      if (!isHttp(exchange.protocol)) return;
      const second = secondOf(exchange.responded);
      countRequest(exchange, rowOf(exchange, second), second);
    },
    closed(exchange) {
      if (!isHttp(exchange.protocol)) return;
      const second = secondOf(exchange.closed);
      const row = rowOf(exchange, second);
      if (exchange.responded < 0) countRequest(exchange, row, second);
      const outcome = outcomeOf(exchange);
      if (outcome === "success") count(row, COUNTER.successes, 1, second);
      else if (outcome === "failure") count(row, COUNTER.failures, 1, second);
      else count(row, COUNTER.denied, 1, second);
      if (exchange.attempts > 1) count(row, COUNTER.retries, exchange.attempts - 1, second);
      if (exchange.timedOut) count(row, COUNTER.timeouts, 1, second);
    },
    transportOpened(transport) {
      if (transport.peer !== (transport.direction === "inbound" ? "src" : "dst")) return;
      const second = nowSecond();
      const row = rows.row(transport, second);
      row.open++;
      count(row, COUNTER.tcpOpened, 1, second);
      open.set(transport, { row, readBytes: 0, writeBytes: 0 });
      if (ticking) return;
      ticking = true;
      clock.schedule(1000, tick);
    },
    transportClosed(transport) {
      const entry = open.get(transport);
      if (!entry) return;
      sample(transport, entry);
      entry.row.open--;
      open.delete(transport);
    },
    get bytes() {
      return [...fine, ...coarse].reduce((sum, frame) => sum + frame.bytes, 0);
    },
    reply(windowMs) {
      const { frames, seconds } = chooseFrames(windowMs);
      const sums = new Map<number, Float64Array>();
      for (const frame of frames) {
        frame.forEach((index, column, amount) => {
          let sum = sums.get(index);
          if (!sum) sums.set(index, (sum = new Float64Array(512)));
          sum[column]! += amount;
        });
      }
      const http: HttpStatsRow[] = [];
      const tcp: TcpStatsRow[] = [];
      for (const row of rows) {
        const sum = sums.get(row.index) ?? NO_COUNTS;
        if (sum[COUNTER.requests]! + settled(sum) > 0) http.push(httpRow(row, sum));
        const moved = sum[COUNTER.readBytes]! + sum[COUNTER.writeBytes]!;
        if (row.open > 0 || sum[COUNTER.tcpOpened]! > 0 || moved > 0) tcp.push(tcpRow(row, sum));
      }
      return {
        version: 1,
        windowMs: seconds * 1000,
        nowMs: clock.now(),
        uptimeMs: Math.round(clock.monotonic() - startedAt),
        proxyVersion: options.proxyVersion,
        identity: options.identity,
        http,
        tcp,
      };
    },
  };
}

const NO_COUNTS = new Float64Array(512);

/** Exchanges that ended. One that responded before the window began has no request in it. */
function settled(sum: Float64Array): number {
  return sum[COUNTER.successes]! + sum[COUNTER.failures]! + sum[COUNTER.denied]!;
}

function httpRow(row: StatsRow, sum: Float64Array): HttpStatsRow {
  const latency: [number, number][] = [];
  for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    if (sum[bucket]! > 0) latency.push([bucket, sum[bucket]!]);
  }
  return {
    ...row.key,
    requests: sum[COUNTER.requests]!,
    successes: sum[COUNTER.successes]!,
    failures: sum[COUNTER.failures]!,
    denied: sum[COUNTER.denied]!,
    retries: sum[COUNTER.retries]!,
    timeouts: sum[COUNTER.timeouts]!,
    latency,
  };
}

function tcpRow(row: StatsRow, sum: Float64Array): TcpStatsRow {
  return {
    ...row.key,
    open: row.open,
    opened: sum[COUNTER.tcpOpened]!,
    readBytes: sum[COUNTER.readBytes]!,
    writeBytes: sum[COUNTER.writeBytes]!,
  };
}
