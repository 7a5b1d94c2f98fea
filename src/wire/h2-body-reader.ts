import { H2Error, protocolError } from "./h2-error.ts";
import { H2_WINDOW_BYTES, H2Code, H2Flag, H2Frame } from "./h2-protocol.ts";
import type { H2Sender } from "./h2-sender.ts";
import type { H2Stream } from "./h2-stream.ts";
import type { H2StreamTable } from "./h2-stream-table.ts";

/** What the reader of DATA cannot do by itself. */
export interface H2BodyOwner {
  readonly isServer: boolean;
  charge(what: string): void;
  streamError(stream: H2Stream, code: H2Code, message: string): void;
  /** DATA for a stream that is closed, and that we had not reset. */
  resetUnknown(streamId: number, code: H2Code): void;
  remoteEnded(stream: H2Stream): void;
}

/**
 * Takes DATA frames piece by piece, and counts them in both windows.
 *
 * A stream's window is returned as its listener takes the bytes; the connection's at the end of each frame, so that one slow
 * reader does not stop the others. What can pile up is bounded by streams x window.
 */
export class H2BodyReader {
  readonly #owner: H2BodyOwner;
  readonly #streams: H2StreamTable;
  readonly #sender: H2Sender;
  readonly #windowMax: number;
  #window: number;
  #unreturned = 0;
  /** Of the frame that is being read; undefined: its bytes are dropped. */
  #stream: H2Stream | undefined;
  #flags = 0;
  #length = 0;
  #taken = 0;

  /** @param windowMax of the connection, as announced; bytes */
  constructor(owner: H2BodyOwner, streams: H2StreamTable, sender: H2Sender, windowMax: number) {
    this.#owner = owner;
    this.#streams = streams;
    this.#sender = sender;
    this.#windowMax = Math.max(windowMax, H2_WINDOW_BYTES);
    this.#window = this.#windowMax;
  }

  start(flags: number, streamId: number, length: number): void {
    if (streamId === 0) throw protocolError("DATA on stream 0");
    this.#flags = flags;
    this.#length = length;
    this.#taken = 0;
    this.#window -= length;
    if (this.#window < 0) throw new H2Error(H2Code.flowControlError, "DATA beyond the connection's window");
    if (length === 0 && !(flags & H2Flag.endStream)) this.#owner.charge("empty DATA frames");
    const stream = this.#streams.get(streamId);
    this.#stream = stream;
    if (!stream) {
      if (this.#streams.isIdle(streamId)) throw protocolError(`DATA on idle stream ${streamId}`);
      if (!this.#streams.wasReset(streamId)) this.#owner.resetUnknown(streamId, H2Code.streamClosed);
    } else if (!stream.isRemoteOpen) {
      this.#owner.streamError(stream, H2Code.streamClosed, "DATA after the end of the stream");
    } else if (!this.#owner.isServer && !stream.hasHead) {
      this.#owner.streamError(stream, H2Code.protocolError, "DATA before the response's head");
    } else {
      stream.receiveWindow -= length;
      if (stream.receiveWindow < 0) {
        this.#owner.streamError(stream, H2Code.flowControlError, "DATA beyond the stream's window");
      }
    }
  }

  piece(view: Buffer): void {
    const stream = this.#stream;
    if (!stream) return;
    if (stream.bytesDue >= 0) {
      stream.bytesDue -= view.length;
      if (stream.bytesDue < 0) {
        this.#owner.streamError(stream, H2Code.protocolError, "body is longer than its content-length");
        return;
      }
    }
    this.#taken += view.length;
    stream.unreturned += view.length;
    if (!stream.listener.bodyData(view)) stream.isReceiveBlocked = true;
  }

  end(): void {
    this.#unreturned += this.#length;
    if (this.#unreturned * 2 >= this.#windowMax) {
      this.#sender.output.number(H2Frame.windowUpdate, 0, this.#unreturned);
      this.#sender.wrote();
      this.#window += this.#unreturned;
      this.#unreturned = 0;
    }
    const stream = this.#stream;
    this.#stream = undefined;
    if (!stream) return;
    // Padding counts in the window, and nobody has to take it.
    stream.unreturned += this.#length - this.#taken;
    if (this.#flags & H2Flag.endStream) this.#owner.remoteEnded(stream);
    else stream.returnWindow();
  }

  /** Drops what is still to come of a stream's frame. */
  forget(stream: H2Stream): void {
    if (this.#stream === stream) this.#stream = undefined;
  }
}
