import type { Clock } from "../base/clock.ts";
import type { Exchange } from "./exchange.ts";
import { InternTable } from "./intern.ts";
import { type LiveExchange, NO_LABELS } from "./live-exchange.ts";
import { isHttp, outcomeOf } from "./outcome.ts";
import type { Observer } from "./recorder.ts";
import { createSlots, type Slots } from "./slots.ts";

export interface RingOptions {
  readonly clock: Clock;
  /** Slots for all exchanges. Default 4096. */
  readonly slots?: number;
  /** Slots for those that failed, were denied, retried or slow. Default 1024. */
  readonly interestingSlots?: number;
  /** An HTTP response that starts later than this is slow. Default 1000 ms. */
  readonly slowMs?: number;
}

/** What a reader gets: exchanges in order of opening, and what the answer covers. */
export interface RingAnswer {
  readonly exchanges: readonly Exchange[];
  /** From when on every exchange is present (wall clock, ms); older ones only if they were interesting. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Exchanges since the proxy started that are no longer held. */
  readonly lost: number;
}

export interface RecordRing extends Observer {
  /**
   * @param sinceMs only exchanges that opened at or after this instant (wall clock)
   * @param limit   at most so many, the newest ones
   * @param isWanted leaves others out, before the limit counts
   */
  read(options?: {
    readonly sinceMs?: number;
    readonly limit?: number;
    readonly isWanted?: (exchange: Exchange) => boolean;
  }): RingAnswer;
  /** Bytes of the slots, without the interned texts. */
  readonly bytes: number;
}

/**
 * Two rings of fixed slots: every exchange, and those worth keeping for longer.
 *
 *   all          [ 1 | 2 | 3 | ... | 4096 ]   a slot is claimed at `opened`, written at `closed` or before a read, and overwritten by the
 *                                             4097th exchange
 *                              | copied at `closed` when it failed, was denied or limited, retried, or slow
 *   interesting  [ 1 | 2 | ... | 1024 ]       so a flood of good requests does not push a bad one out
 *
 * 5120 slots of 210 bytes are 1.1 MB; interned texts (8192 of 192 characters at most) add 0.1 to 2 MB.
 *
 * An exchange that outlives its slot (a long stream) claims a new one when it closes.
 */
export function createRecordRing(options: RingOptions): RecordRing {
  const { clock } = options;
  const slowMs = options.slowMs ?? 1000;
  const tables = {
    texts: new InternTable<string>(8192, "other"),
    labels: new InternTable<Readonly<Record<string, string>>>(2048, OTHER_LABELS),
  };
  const all = createSlots(options.slots ?? 4096, tables);
  const interesting = createSlots(options.interestingSlots ?? 1024, tables);
  const startedAtMs = clock.now();
  let claimed = 0;
  let kept = 0;
  let lastId = 0;

  let coveredFromMs = startedAtMs;

  /** Whose slot it is, while the exchange runs: it is written once, when it closes, or when somebody reads. */
  const running = new Array<LiveExchange | undefined>(all.capacity).fill(undefined);

  const claim = (live: LiveExchange): void => {
    const slot = claimed++ % all.capacity;
    live.slot = slot;
    const before = running[slot];
    if (before !== undefined) coveredFromMs = Math.max(coveredFromMs, before.openedAtMs);
    else if (all.idAt(slot) !== 0) coveredFromMs = Math.max(coveredFromMs, all.openedAtMs(slot));
    running[slot] = live;
  };

  const writeRunning = (): void => {
    for (let slot = 0; slot < running.length; slot++) {
      const live = running[slot];
      if (live !== undefined) all.write(slot, live);
    }
  };

  return {
    bytes: all.bytes + interesting.bytes,
    opened(live) {
      lastId = live.id;
      claim(live);
    },
    closed(live) {
      if (live.slot < 0 || running[live.slot] !== live) claim(live);
      running[live.slot] = undefined;
      all.write(live.slot, live);
      if (isInteresting(live, slowMs)) interesting.copyFrom(all, live.slot, kept++ % interesting.capacity);
    },
    read({ sinceMs = 0, limit = Number.POSITIVE_INFINITY, isWanted = () => true } = {}) {
      writeRunning();
      const places = new Map<number, { slots: Slots; slot: number }>();
      // The main ring last: where both hold an exchange, it has the newer state.
      for (const slots of [interesting, all]) {
        for (let slot = 0; slot < slots.capacity; slot++) {
          if (slots.idAt(slot) !== 0) places.set(slots.idAt(slot), { slots, slot });
        }
      }
      // From the newest, so that a limit saves the reading of the others.
      const exchanges: Exchange[] = [];
      for (const id of [...places.keys()].sort((a, b) => b - a)) {
        if (exchanges.length >= limit) break;
        const { slots, slot } = places.get(id)!;
        if (slots.openedAtMs(slot) < sinceMs) continue;
        const exchange = slots.read(slot);
        if (isWanted(exchange)) exchanges.push(exchange);
      }
      return {
        exchanges: exchanges.reverse(),
        fromMs: Math.max(coveredFromMs, sinceMs),
        toMs: clock.now(),
        lost: lastId - places.size,
      };
    },
  };
}

/** What labels read as when the table of labels is full. */
const OTHER_LABELS: Readonly<Record<string, string>> = Object.freeze({ ...NO_LABELS, other: "other" });

function isInteresting(live: LiveExchange, slowMs: number): boolean {
  if (live.attempts > 1 || live.error !== "") return true;
  if (live.verdict === "limited" || outcomeOf(live) !== "success") return true;
  return isHttp(live.protocol) && live.responded >= 0 && live.responded - live.opened >= slowMs;
}
