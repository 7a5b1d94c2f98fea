import { H2_STREAM_ID_MAX } from "./h2-protocol.ts";
import type { H2Stream } from "./h2-stream.ts";

/** Streams that we reset and whose late frames are to be expected, count. */
const REMEMBERED_RESETS = 256;
const PLACES_MIN = 16;
const PLACES_MAX = 1024;

/**
 * The streams of a connection. Closed ones are not kept: a stream that is not here is idle when nobody has come to its number
 * yet, and closed otherwise. Those that we reset are remembered for a while, since the peer could not know.
 *
 *     places   | 33 |    | 37 | 39 | ...      place = number / 2, modulo the places: numbers ascend, so most find theirs free
 *     settled  { 1 -> stream 1 }              those in whose place a newer one came: streams that live long
 *
 * A Map alone would be simpler, but one that is filled and emptied without end makes a new table every few dozen streams, and V8 links
 * the old ones to the new: what they held outlives them until the next full collection.
 */
export class H2StreamTable {
  readonly #isServer: boolean;
  #places: (H2Stream | undefined)[] = new Array(PLACES_MIN).fill(undefined);
  #mask = PLACES_MIN - 1;
  readonly #settled = new Map<number, H2Stream>();
  #count = 0;
  readonly #resets = new Set<number>();
  #nextId = 1;
  /** Highest stream that the peer has opened. */
  lastPeerId = 0;

  constructor(isServer: boolean) {
    this.#isServer = isServer;
  }

  get size(): number {
    return this.#count;
  }

  get hasIds(): boolean {
    return this.#nextId <= H2_STREAM_ID_MAX;
  }

  /** The last stream that we have opened; negative: none. */
  get lastOwnId(): number {
    return this.#nextId - 2;
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  get(id: number): H2Stream | undefined {
    const stream = this.#places[(id >>> 1) & this.#mask];
    if (stream !== undefined && stream.id === id) return stream;
    return this.#settled.size === 0 ? undefined : this.#settled.get(id);
  }

  add(stream: H2Stream): void {
    if (this.#count++ > this.#mask && this.#mask < PLACES_MAX - 1) this.#grow();
    this.#put(stream);
  }

  remove(stream: H2Stream): void {
    const place = (stream.id >>> 1) & this.#mask;
    if (this.#places[place] === stream) this.#places[place] = undefined;
    else if (!this.#settled.delete(stream.id)) return;
    this.#count--;
  }

  all(): H2Stream[] {
    const streams = [...this.#settled.values()];
    for (const stream of this.#places) if (stream) streams.push(stream);
    return streams;
  }

  isIdle(id: number): boolean {
    const isOurs = (id % 2 === 0) === this.#isServer;
    return isOurs ? id >= this.#nextId : id > this.lastPeerId;
  }

  rememberReset(id: number): void {
    this.#resets.add(id);
    if (this.#resets.size > REMEMBERED_RESETS) this.#resets.delete(this.#resets.values().next().value!);
  }

  wasReset(id: number): boolean {
    return this.#resets.has(id);
  }

  #put(stream: H2Stream): void {
    const place = (stream.id >>> 1) & this.#mask;
    const before = this.#places[place];
    if (before !== undefined) this.#settled.set(before.id, before);
    this.#places[place] = stream;
  }

  #grow(): void {
    const streams = this.all().sort((left, right) => left.id - right.id);
    this.#mask = this.#mask * 2 + 1;
    this.#places = new Array(this.#mask + 1).fill(undefined);
    this.#settled.clear();
    for (const stream of streams) this.#put(stream);
  }
}
