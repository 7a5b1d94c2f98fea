import { H2_STREAM_ID_MAX } from "./h2-protocol.ts";
import type { H2Stream } from "./h2-stream.ts";

/** Streams that we reset and whose late frames are to be expected, count. */
const REMEMBERED_RESETS = 256;

/**
 * The streams of a connection. Closed ones are not kept: a stream that is not here is idle when nobody has come to its number
 * yet, and closed otherwise. Those that we reset are remembered for a while, since the peer could not know.
 */
export class H2StreamTable {
  readonly #isServer: boolean;
  readonly #open = new Map<number, H2Stream>();
  readonly #resets = new Set<number>();
  #nextId = 1;
  /** Highest stream that the peer has opened. */
  lastPeerId = 0;

  constructor(isServer: boolean) {
    this.#isServer = isServer;
  }

  get size(): number {
    return this.#open.size;
  }

  get hasIds(): boolean {
    return this.#nextId <= H2_STREAM_ID_MAX;
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  get(id: number): H2Stream | undefined {
    return this.#open.get(id);
  }

  add(stream: H2Stream): void {
    this.#open.set(stream.id, stream);
  }

  remove(stream: H2Stream): void {
    this.#open.delete(stream.id);
  }

  all(): H2Stream[] {
    return [...this.#open.values()];
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
}
