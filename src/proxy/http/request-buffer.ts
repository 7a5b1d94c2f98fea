import type { Fields } from "../../wire/http1-fields.ts";
import type { BodySink } from "./body-sink.ts";

/**
 * Keeps a request's body while it streams, so that another attempt can have it from the start.
 *
 *     client --> | kept | kept | kept | --> the attempt that runs
 *                ^ first               ^ #at: what comes next; an attempt that begins sets it back to the first
 *
 * A body that grows beyond the limit is kept no longer: what has been delivered is dropped, and `isReplayable` turns false. Between two
 * attempts the client is not read, so that never more than the limit and one chunk wait here.
 */
export class RequestBuffer implements BodySink {
  readonly #bytesMax: number;
  readonly #resumeClient: () => void;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Index in `#kept` of what is delivered next. */
  #at = 0;
  #sink: BodySink | undefined;
  #isBlocked = false;
  #isClientStopped = false;
  #isPumping = false;
  #ended: { readonly trailers: Fields | undefined } | undefined;
  /** Whether all of it that has come is still here. */
  isReplayable = true;

  /**
   * @param bytesMax     the largest body that is kept
   * @param resumeClient  reads on, after `data` said no
   */
  constructor(bytesMax: number, resumeClient: () => void) {
    this.#bytesMax = bytesMax;
    this.#resumeClient = resumeClient;
  }

  /** Whether the client has sent all of it. */
  get isComplete(): boolean {
    return this.#ended !== undefined;
  }

  /** An attempt takes the body, from its start. Only while `isReplayable`, or for the first time. */
  attach(sink: BodySink): void {
    this.#sink = sink;
    this.#at = 0;
    this.resume();
  }

  /** The attempt is over. */
  detach(): void {
    this.#sink = undefined;
    this.#at = 0;
  }

  /** The attempt's server has room again. */
  resume(): void {
    this.#isBlocked = false;
    this.#pump();
    if (!this.#isClientStopped || !this.#sink || this.#isBlocked) return;
    this.#isClientStopped = false;
    this.#resumeClient();
  }

  // From the client.

  data(view: Buffer): boolean {
    const isTaken = this.#isDirect ? this.#sink!.data(view) : this.#keep(view);
    this.#isClientStopped = !isTaken;
    return isTaken;
  }

  end(trailers: Fields | undefined): void {
    this.#ended = { trailers };
    this.#pump();
  }

  abort(): void {
    this.isReplayable = false;
    this.#sink?.abort();
  }

  /** Nothing is kept, and nothing waits. */
  get #isDirect(): boolean {
    return !this.isReplayable && this.#kept.length === 0 && this.#sink !== undefined && !this.#isBlocked;
  }

  #keep(view: Buffer): boolean {
    // The view is valid during this call only.
    this.#kept.push(Buffer.from(view));
    this.#keptBytes += view.length;
    if (this.#keptBytes > this.#bytesMax) this.isReplayable = false;
    this.#pump();
    return this.#sink !== undefined && !this.#isBlocked;
  }

  /** Delivers what waits. A sink may say in the middle of it that it is over, or that it has room. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#sink && !this.#isBlocked && this.#at < this.#kept.length) {
      const view = this.#kept[this.#at++]!;
      if (!this.#sink.data(view)) this.#isBlocked = true;
    }
    this.#isPumping = false;
    if (!this.isReplayable) this.#dropDelivered();
    if (!this.#ended || !this.#sink || this.#at < this.#kept.length) return;
    // Blocked or not: the end needs no room.
    const sink = this.#sink;
    this.#sink = undefined;
    sink.end(this.#ended.trailers);
  }

  #dropDelivered(): void {
    this.#kept.splice(0, this.#at);
    this.#at = 0;
  }
}
