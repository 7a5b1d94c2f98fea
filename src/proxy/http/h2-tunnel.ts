import { Duplex } from "node:stream";
import { H2Code } from "../../wire/h2-protocol.ts";
import type { H2Stream, H2StreamListener } from "../../wire/h2-stream.ts";

/**
 * One HTTP/2 stream as a socket: what a CONNECT becomes once it was answered (RFC 9113 section 8.5).
 *
 *     DATA, END_STREAM  -> readable, its end          written, ended -> DATA, END_STREAM
 *     RST_STREAM, connection lost -> destroyed        destroyed      -> RST_STREAM(CANCEL), unless it was over
 *
 * Flow control goes through: who does not read gets no more than the stream's window, and a write waits while the peer has no room.
 */
export class H2Tunnel extends Duplex implements H2StreamListener {
  readonly #stream: H2Stream;
  #written: (() => void) | undefined;

  /** @param held what came before; the stream gives no more until it is read */
  constructor(stream: H2Stream, held: readonly Buffer[]) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    // A destruction tells the other end; whoever is between two owners has nothing to hear of it.
    this.on("error", () => {});
    stream.listener = this;
    for (const view of held) this.push(view);
    if (!stream.isRemoteOpen) this.push(null);
  }

  // From the connection.

  responseHead(): void {}

  bodyData(view: Buffer): boolean {
    return this.push(view);
  }

  bodyEnd(): void {
    this.push(null);
  }

  wasReset(): void {
    this.destroy();
  }

  drained(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  // From its reader and writer.

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: () => void): void {
    if (this.#stream.sendData(chunk)) written();
    else this.#written = written;
  }

  override _final(done: () => void): void {
    this.#stream.sendEnd(undefined);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#stream.isClosed) this.#stream.reset(H2Code.cancel);
    done(error);
  }
}
