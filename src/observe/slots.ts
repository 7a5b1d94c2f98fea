import type { Exchange } from "./exchange.ts";
import { PATH_BYTES_MAX, sinceUs } from "./exchange-view.ts";
import type { InternTable } from "./intern.ts";
import type { LiveExchange } from "./live-exchange.ts";

const PROTOCOLS = ["http/1", "http/2", "grpc", "opaque", "tls"] as const;
const VERDICTS = ["", "allowed", "denied", "limited", "audited"] as const;

/** Offsets of the numbers, in 8-byte units of a slot's first part. */
const ID = 0;
const OPENED_AT = 1;
const QUEUE = 2;
const DIAL = 3;
const TLS = 4;
const RESPONSE = 5;
const CLOSED = 6;
const REQUEST_BYTES = 7;
const RESPONSE_BYTES = 8;
const NUMBERS = 9;

/** Text fields that go through the intern table, in the order of a slot's second part. */
const TEXTS = [
  "client",
  "server",
  "peerIdentity",
  "tls",
  "target",
  "method",
  "authority",
  "parent",
  "route",
  "authorization",
  "error",
  "endpointReason",
] as const;
/** After the texts: the labels' id. */
const LABELS = TEXTS.length;
const WORDS = LABELS + 1;

/** Longest text that is interned; the rest is cut, so that the table's memory is bounded too. */
const TEXT_CHARS_MAX = 192;

/** Fixed slots for exchanges, in typed arrays. */
export interface Slots {
  readonly capacity: number;
  /** Bytes that the arrays take. */
  readonly bytes: number;
  write(slot: number, live: LiveExchange): void;
  /** Copies a slot of another set that shares the intern tables. */
  copyFrom(from: Slots, fromSlot: number, toSlot: number): void;
  /** 0 when the slot is empty. */
  idAt(slot: number): number;
  openedAtMs(slot: number): number;
  read(slot: number): Exchange;
  /** The arrays, for `copyFrom` alone. */
  readonly arrays: SlotArrays;
}

interface SlotArrays {
  readonly numbers: Float64Array;
  readonly words: Uint16Array;
  readonly small: Uint8Array;
  readonly statuses: Int16Array;
  readonly paths: Buffer;
}

export interface SlotTables {
  readonly texts: InternTable<string>;
  readonly labels: InternTable<Readonly<Record<string, string>>>;
}

/**
 * One slot, 210 bytes, kept as columns of equal stride:
 *
 *   numbers   9 x 8 B   id | opened at (ms) | queue, dial, tls, response, closed (us since opened, -1) | bytes in, out
 *   words    13 x 2 B   intern ids: client server peerIdentity tls target method authority parent route
 *                       authorization error endpointReason | labels
 *   small     6 x 1 B   protocol | direction | verdict | path cut | path length | attempts (255 at most)
 *   statuses  2 x 2 B   HTTP status | gRPC status, -1
 *   paths    96 B       the path's first bytes, UTF-8
 */
export function createSlots(capacity: number, tables: SlotTables): Slots {
  const arrays: SlotArrays = {
    numbers: new Float64Array(capacity * NUMBERS),
    words: new Uint16Array(capacity * WORDS),
    small: new Uint8Array(capacity * 6),
    statuses: new Int16Array(capacity * 2),
    paths: Buffer.alloc(capacity * PATH_BYTES_MAX),
  };
  const { numbers, words, small, statuses, paths } = arrays;
  const { texts, labels } = tables;

  const release = (slot: number): void => {
    if (numbers[slot * NUMBERS + ID] === 0) return;
    for (let text = 0; text < LABELS; text++) texts.release(words[slot * WORDS + text]!);
    labels.release(words[slot * WORDS + LABELS]!);
  };

  /**
   * Most texts stay from one transition to the next, and from one exchange in a slot to its successor: those keep their
   * place. Of others the new value is acquired before the old one goes.
   */
  const setText = (at: number, used: boolean, text: string): void => {
    const value = bounded(text);
    const old = words[at]!;
    if (used && old !== 0 && texts.value(old) === value) return;
    words[at] = texts.acquire(value);
    if (used) texts.release(old);
  };

  return {
    capacity,
    bytes: numbers.byteLength + words.byteLength + small.byteLength + statuses.byteLength + paths.byteLength,
    arrays,
    idAt: (slot) => numbers[slot * NUMBERS + ID]!,
    openedAtMs: (slot) => numbers[slot * NUMBERS + OPENED_AT]!,
    write(slot, live) {
      const word = slot * WORDS;
      const previous = numbers[slot * NUMBERS + ID]!;
      const used = previous !== 0;
      // In the order of TEXTS; spelt out, because a loop over names makes each a keyed load.
      setText(word, used, live.client);
      setText(word + 1, used, live.server);
      setText(word + 2, used, live.peerIdentity);
      setText(word + 3, used, live.tls);
      setText(word + 4, used, live.target);
      setText(word + 5, used, live.method);
      setText(word + 6, used, live.authority);
      setText(word + 7, used, live.parent);
      setText(word + 8, used, live.route);
      setText(word + 9, used, live.authorization);
      setText(word + 10, used, live.error);
      setText(word + 11, used, live.endpointReason);
      const oldLabels = words[word + LABELS]!;
      if (!used || oldLabels === 0 || labels.value(oldLabels) !== live.labels) {
        words[word + LABELS] = labels.acquire(live.labels);
        if (used) labels.release(oldLabels);
      }

      const number = slot * NUMBERS;
      numbers[number + ID] = live.id;
      numbers[number + OPENED_AT] = live.openedAtMs;
      numbers[number + QUEUE] = sinceUs(live, live.queued);
      numbers[number + DIAL] = sinceUs(live, live.dialled);
      numbers[number + TLS] = sinceUs(live, live.secured);
      numbers[number + RESPONSE] = sinceUs(live, live.responded);
      numbers[number + CLOSED] = sinceUs(live, live.closed);
      numbers[number + REQUEST_BYTES] = live.requestBytes;
      numbers[number + RESPONSE_BYTES] = live.responseBytes;

      const byte = slot * 6;
      if (previous !== live.id) {
        const written = paths.write(live.path, slot * PATH_BYTES_MAX, PATH_BYTES_MAX, "utf8");
        const isCut = live.path.length > written || Buffer.byteLength(live.path) > PATH_BYTES_MAX;
        small[byte + 3] = isCut ? 1 : 0;
        small[byte + 4] = written;
      }
      small[byte] = PROTOCOLS.indexOf(live.protocol);
      small[byte + 1] = live.direction === "inbound" ? 0 : 1;
      small[byte + 2] = VERDICTS.indexOf(live.verdict);
      small[byte + 5] = Math.min(255, live.attempts);
      statuses[slot * 2] = live.status;
      statuses[slot * 2 + 1] = live.grpcStatus;
    },
    copyFrom(from, fromSlot, toSlot) {
      release(toSlot);
      const source = from.arrays;
      copy(source.numbers, numbers, fromSlot, toSlot, NUMBERS);
      copy(source.words, words, fromSlot, toSlot, WORDS);
      copy(source.small, small, fromSlot, toSlot, 6);
      copy(source.statuses, statuses, fromSlot, toSlot, 2);
      copy(source.paths, paths, fromSlot, toSlot, PATH_BYTES_MAX);
      for (let text = 0; text < LABELS; text++) texts.retain(words[toSlot * WORDS + text]!);
      labels.retain(words[toSlot * WORDS + LABELS]!);
    },
    read(slot) {
      const number = slot * NUMBERS;
      const byte = slot * 6;
      const text = (index: number): string => texts.value(words[slot * WORDS + index]!);
      const start = slot * PATH_BYTES_MAX;
      return {
        id: numbers[number + ID]!,
        protocol: PROTOCOLS[small[byte]!]!,
        direction: small[byte + 1] === 0 ? "inbound" : "outbound",
        openedAtMs: numbers[number + OPENED_AT]!,
        client: text(0),
        server: text(1),
        peerIdentity: text(2),
        tls: text(3),
        labels: labels.value(words[slot * WORDS + LABELS]!),
        target: text(4),
        method: text(5),
        authority: text(6),
        path: paths.toString("utf8", start, start + small[byte + 4]!),
        ...(small[byte + 3] === 1 ? { pathTruncated: true } : {}),
        parent: text(7),
        route: text(8),
        authorization: text(9),
        verdict: VERDICTS[small[byte + 2]!]!,
        status: statuses[slot * 2]!,
        grpcStatus: statuses[slot * 2 + 1]!,
        error: text(10),
        attempts: small[byte + 5]!,
        endpointReason: text(11),
        queueUs: numbers[number + QUEUE]!,
        dialUs: numbers[number + DIAL]!,
        tlsUs: numbers[number + TLS]!,
        responseUs: numbers[number + RESPONSE]!,
        closedUs: numbers[number + CLOSED]!,
        requestBytes: numbers[number + REQUEST_BYTES]!,
        responseBytes: numbers[number + RESPONSE_BYTES]!,
      };
    },
  };
}

function bounded(text: string): string {
  return text.length > TEXT_CHARS_MAX ? text.slice(0, TEXT_CHARS_MAX) : text;
}

function copy<T extends { copyWithin: unknown; set(from: ArrayLike<number>, at?: number): void }>(
  from: T & { subarray(start: number, end: number): ArrayLike<number> },
  to: T,
  fromSlot: number,
  toSlot: number,
  stride: number,
): void {
  to.set(from.subarray(fromSlot * stride, (fromSlot + 1) * stride), toSlot * stride);
}
