import { H2Error, protocolError } from "./h2-error.ts";
import { H2Output } from "./h2-output.ts";
import { H2_WINDOW_BYTES, H2_WINDOW_BYTES_MAX, H2Code } from "./h2-protocol.ts";
import type { H2Stream } from "./h2-stream.ts";
import { HpackEncoder } from "./hpack-encoder.ts";

/** Answers to PING and SETTINGS that may wait for a peer that does not read, count. */
const REPLIES_MAX = 10_000;
/** Frames that one stream sends before it is the next one's turn. */
const FRAMES_A_TURN = 4;

/**
 * The sending half of a connection: what waits to be written, and which streams wait for room. Windows and the socket decide
 * together; streams that wait take turns.
 */
export class H2Sender {
  readonly output = new H2Output();
  readonly encoder = new HpackEncoder();
  /** Window of the connection, bytes. */
  window = H2_WINDOW_BYTES;
  readonly #outputWaits: () => void;
  readonly #outputBytesMax: number;
  readonly #waiting = new Set<H2Stream>();
  #isBlocked = false;
  #isNoted = false;
  #replies = 0;

  /**
   * @param outputWaits called when there is output, once until `flush`
   * @param outputBytesMax output that may wait before streams are told to, bytes
   */
  constructor(outputWaits: () => void, outputBytesMax: number) {
    this.#outputWaits = outputWaits;
    this.#outputBytesMax = outputBytesMax;
  }

  /** Whether the socket takes more than it holds already. */
  get hasRoom(): boolean {
    return !this.#isBlocked && this.output.pendingBytes < this.#outputBytesMax;
  }

  /** @see H2Connection.flush */
  flush(write: (bytes: Buffer) => boolean): void {
    this.#isNoted = false;
    if (this.output.pendingBytes > 0) {
      let isWritable = !this.#isBlocked;
      for (const bytes of this.output.take()) isWritable = write(bytes);
      this.#isBlocked = !isWritable;
      if (isWritable) this.#replies = 0;
    }
    this.pump();
  }

  socketDrained(): void {
    this.#isBlocked = false;
    this.#replies = 0;
    this.pump();
  }

  /** Output waits. */
  wrote(): void {
    if (this.#isNoted) return;
    this.#isNoted = true;
    this.#outputWaits();
  }

  /** An answer is about to be written that the peer made us write. @throws H2Error when it reads none of them */
  reply(): void {
    if (++this.#replies > REPLIES_MAX) {
      throw new H2Error(H2Code.enhanceYourCalm, "peer asks and does not read the answers");
    }
    this.wrote();
  }

  /** The peer gives the connection room. */
  widen(increment: number): void {
    if (increment === 0) throw protocolError("WINDOW_UPDATE by 0");
    this.window += increment;
    if (this.window > H2_WINDOW_BYTES_MAX) throw new H2Error(H2Code.flowControlError, "window is too large");
    this.pump();
  }

  /** The peer gives one stream room. */
  widened(stream: H2Stream): void {
    if (this.#waiting.delete(stream)) stream.pump(FRAMES_A_TURN);
  }

  /** Has the pump visit the stream when windows or the socket open up. */
  awaitRoom(stream: H2Stream): void {
    this.#waiting.add(stream);
  }

  forget(stream: H2Stream): void {
    this.#waiting.delete(stream);
  }

  /** Lets streams that wait send, in turns, while there is room. */
  pump(): void {
    while (this.#waiting.size > 0 && this.hasRoom) {
      let isProgress = false;
      for (const stream of [...this.#waiting]) {
        if (!this.hasRoom) break;
        // One that was closed by another's callback has left meanwhile.
        if (!this.#waiting.delete(stream)) continue;
        const before = this.output.pendingBytes;
        if (!stream.pump(FRAMES_A_TURN) || this.output.pendingBytes > before) isProgress = true;
      }
      if (!isProgress) return;
    }
  }
}
