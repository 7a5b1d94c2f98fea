import type { Duplex } from "node:stream";
import type { LiveTransport } from "../../observe/live-exchange.ts";

/** Body pieces up to this size travel in the same string as the head before them, bytes. */
const COPIED_BYTES_MAX = 4096;
/** Text that waits for the end of the turn at most, bytes. */
const PENDING_BYTES_MAX = 16_384;

/**
 * Writes to a socket so that what is written in one turn of the event loop leaves in one write: a head and its body, or many
 * chunks of a read, share one system call and one TLS record.
 *
 * Small pieces are joined into one latin1 string, which is one plain write for the system; large ones go as they are, under
 * one cork, since copying them would cost more than a vectored write.
 */
export class BatchedWriter {
  readonly #socket: Duplex;
  readonly #transport: LiveTransport;
  #pending = "";
  #isScheduled = false;
  #isCorked = false;

  constructor(socket: Duplex, transport: LiveTransport) {
    this.#socket = socket;
    this.#transport = transport;
  }

  /** @returns false when the peer reads too slowly: wait for the socket's `drain` */
  text(latin1: string): boolean {
    this.#transport.writeBytes += latin1.length;
    this.#append(latin1);
    return !this.#socket.writableNeedDrain;
  }

  /** Takes a view that stays valid: it may be written later in this turn. @returns as `text` */
  bytes(view: Buffer): boolean {
    this.#transport.writeBytes += view.length;
    if (view.length <= COPIED_BYTES_MAX) {
      this.#append(view.toString("latin1"));
    } else {
      this.#cork();
      this.#writePending();
      this.#socket.write(view);
    }
    return !this.#socket.writableNeedDrain;
  }

  /** Hands everything to the socket now: before its end, or before somebody else writes to it. */
  flush(): void {
    this.#writePending();
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#socket.uncork();
  }

  #append(latin1: string): void {
    this.#pending += latin1;
    if (this.#pending.length > PENDING_BYTES_MAX) {
      this.#cork();
      this.#writePending();
    }
    this.#schedule();
  }

  #writePending(): void {
    if (this.#pending === "") return;
    const text = this.#pending;
    this.#pending = "";
    if (this.#socket.writable) this.#socket.write(text, "latin1");
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (waiting.push(this) === 1) process.nextTick(flushWaiting);
  }

  /** The turn is over. */
  turnEnded(): void {
    this.#isScheduled = false;
    this.flush();
  }
}

/** Writers that wait for the end of this thread's turn. A read of HTTP/2 answers many connections: one callback serves all of them. */
const waiting: BatchedWriter[] = [];

function flushWaiting(): void {
  // Who joins meanwhile is served as well.
  for (let index = 0; index < waiting.length; index++) waiting[index]!.turnEnded();
  waiting.length = 0;
}
