import { writeRequestHead, writeResponseHead, writeTrailers } from "./h2-head.ts";
import { H2_FRAME_BYTES_MAX, H2Code, H2Flag, H2Frame } from "./h2-protocol.ts";
import type { H2Sender } from "./h2-sender.ts";
import type { Fields } from "./http1-fields.ts";
import type { RequestHead, ResponseHead } from "./http1-head.ts";

/** `refused`: the peer did nothing with the stream. `lost`: the connection is gone. */
export type H2Reset = "reset" | "refused" | "lost";

/** Takes what comes on one stream. Exactly one of `bodyEnd` and `wasReset` is the last call about the peer's half. */
export interface H2StreamListener {
  /** A response's head, interim ones (1xx) first; never called for requests. */
  responseHead(head: ResponseHead, endStream: boolean): void;
  /**
   * Body bytes; a view that stays valid.
   *
   * @returns false: the peer gets no more room until `resume`. What it has room for still comes: at most the stream's window
   */
  bodyData(view: Buffer): boolean;
  bodyEnd(trailers: Fields | undefined): void;
  /** The stream is over in both directions. */
  wasReset(code: H2Code, message: string, how: H2Reset): void;
  /** There is room again after `sendData` said no. */
  drained(): void;
}

/** What a stream needs of its connection. */
export interface H2StreamOwner {
  readonly sender: H2Sender;
  /** The stream is closed: forget it. */
  forget(stream: H2Stream, end: H2StreamEnd): void;
}

/** `reset`: by us, so that late frames are to be expected. `cut`: by the peer, or with the connection. */
export type H2StreamEnd = "complete" | "reset" | "cut";

/**
 * One stream, from the side of whoever uses it.
 *
 *               send END_STREAM                    receive END_STREAM
 *     open ----------------------> half closed (local) ------------> closed
 *       \---- receive END_STREAM -> half closed (remote) --- send ---^
 *        \--------------- RST_STREAM, either way, or the connection's end
 *
 * (RFC 9113 section 5.1 without push. Streams are made open: idle ones are no objects.) Flow control: `sendWindow` may become
 * negative when the peer shrinks its setting; bytes that do not fit wait in `#queue`, in order, and the end waits behind them.
 */
export class H2Stream {
  readonly id: number;
  listener: H2StreamListener = NO_LISTENER;
  isLocalOpen = true;
  isRemoteOpen = true;
  isClosed = false;
  sendWindow: number;
  /** What the peer may still send, bytes. */
  receiveWindow: number;
  /** Body bytes that the peer announced and that have not come; -1 when it announced none. */
  bytesDue = -1;
  /** Client's side: the final response head has come. */
  hasHead = false;
  /** Client's side: the answer has no body, whatever its length says. */
  isHead = false;
  /** The peer has been told no. */
  isReceiveBlocked = false;
  /** Bytes taken that the peer has not been given room for again. */
  unreturned = 0;
  readonly #owner: H2StreamOwner;
  readonly #sender: H2Sender;
  readonly #receiveWindowMax: number;
  #queue: Buffer[] | undefined = undefined;
  #queueAt = 0;
  #isEnding = false;
  #trailers: Fields | undefined;
  #stopsPeer = false;
  #wantsDrain = false;

  constructor(id: number, owner: H2StreamOwner, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.#owner = owner;
    this.#sender = owner.sender;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.#receiveWindowMax = receiveWindow;
  }

  sendRequest(head: RequestHead, target: string, endStream: boolean): void {
    this.isHead = head.method === "HEAD";
    writeRequestHead(this.#sender.encoder, head, target);
    this.#sendBlock(endStream);
  }

  /** @param endStream no body, no trailers: a response that is its head, a "trailers-only" one of gRPC too */
  sendResponse(head: ResponseHead, endStream: boolean): void {
    if (!this.isLocalOpen) return;
    writeResponseHead(this.#sender.encoder, head);
    this.#sendBlock(endStream);
  }

  /** @returns false: wait for `drained` */
  sendData(view: Buffer): boolean {
    if (!this.isLocalOpen || this.#isEnding) return true;
    const sender = this.#sender;
    const isWaiting = this.#isQueued;
    const { length } = view;
    if (
      !isWaiting &&
      length > 0 &&
      length <= Math.min(this.sendWindow, sender.window, DIRECT_BYTES_MAX) &&
      sender.hasRoom
    ) {
      // The usual case: nothing waits, all of it fits.
      sender.output.frame(H2Frame.data, 0, this.id, view, 0, length);
      this.sendWindow -= length;
      sender.window -= length;
      sender.wrote();
    } else if (length > 0) {
      (this.#queue ??= []).push(view);
      if (!isWaiting) this.pump(Number.POSITIVE_INFINITY);
    }
    if (!this.#isQueued && sender.hasRoom) return true;
    this.#wantsDrain = true;
    this.#sender.awaitRoom(this);
    return false;
  }

  get #isQueued(): boolean {
    return this.#queue !== undefined && this.#queue.length > 0;
  }

  /** @param stopsPeer resets with NO_ERROR once all is sent, should the peer still be sending (RFC 9113 section 8.1) */
  sendEnd(trailers: Fields | undefined, stopsPeer = false): void {
    if (!this.isLocalOpen || this.#isEnding) return;
    this.#isEnding = true;
    this.#trailers = trailers && trailers.length > 0 ? trailers : undefined;
    this.#stopsPeer = stopsPeer;
    if (!this.#isQueued) this.#writeEnd();
  }

  /** Ends both directions at once. The listener hears nothing more. */
  reset(code: H2Code): void {
    if (this.isClosed) return;
    this.listener = NO_LISTENER;
    this.#sender.output.number(H2Frame.rstStream, this.id, code);
    this.#sender.wrote();
    this.close("reset");
  }

  /** The listener takes more. */
  resume(): void {
    if (!this.isReceiveBlocked) return;
    this.isReceiveBlocked = false;
    this.returnWindow();
  }

  /** Gives the peer room for what was taken, once it is worth a frame. */
  returnWindow(): void {
    if (!this.isRemoteOpen || this.isReceiveBlocked || this.unreturned * 2 < this.#receiveWindowMax) return;
    this.receiveWindow += this.unreturned;
    this.#sender.output.number(H2Frame.windowUpdate, this.id, this.unreturned);
    this.unreturned = 0;
    this.#sender.wrote();
  }

  /**
   * Sends what windows and socket allow. The connection calls it in turn for all streams that wait.
   *
   * @param framesMax so that one stream does not take the whole window
   * @returns whether something still waits
   */
  pump(framesMax: number): boolean {
    const { output } = this.#sender;
    const queue = this.#queue;
    for (let frames = 0; queue !== undefined && queue.length > 0; frames++) {
      const view = queue[0]!;
      const left = view.length - this.#queueAt;
      const size = Math.min(left, H2_FRAME_BYTES_MAX, this.sendWindow, this.#sender.window);
      if (size <= 0 || frames >= framesMax || !this.#sender.hasRoom) {
        this.#sender.awaitRoom(this);
        return true;
      }
      const isLast = size === left && queue.length === 1 && this.#isEnding && !this.#trailers;
      const flags = isLast ? H2Flag.endStream : 0;
      output.frame(H2Frame.data, flags, this.id, view, this.#queueAt, this.#queueAt + size);
      this.sendWindow -= size;
      this.#sender.window -= size;
      this.#sender.wrote();
      this.#queueAt += size;
      if (size === left) {
        queue.shift();
        this.#queueAt = 0;
      }
      if (isLast) this.#localEnded();
    }
    if (this.#isEnding && this.isLocalOpen) this.#writeEnd();
    if (!this.#wantsDrain || !this.isLocalOpen) return false;
    if (!this.#sender.hasRoom) {
      this.#sender.awaitRoom(this);
      return true;
    }
    this.#wantsDrain = false;
    this.listener.drained();
    return false;
  }

  /** The peer's half is over. */
  remoteEnded(): void {
    this.isRemoteOpen = false;
    if (!this.isLocalOpen) this.close("complete");
  }

  close(end: H2StreamEnd): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isLocalOpen = false;
    this.isRemoteOpen = false;
    this.#queue = undefined;
    this.#owner.forget(this, end);
  }

  /** Sends what the encoder holds. */
  #sendBlock(endStream: boolean): void {
    const { output, encoder } = this.#sender;
    output.headerBlock(this.id, encoder.bytes, encoder.length, endStream);
    this.#sender.wrote();
    if (endStream) this.#localEnded();
  }

  #writeEnd(): void {
    const { output, encoder } = this.#sender;
    if (this.#trailers) {
      writeTrailers(encoder, this.#trailers);
      output.headerBlock(this.id, encoder.bytes, encoder.length, true);
    } else if (!output.endLastData(this.id)) {
      output.frame(H2Frame.data, H2Flag.endStream, this.id, NO_BYTES, 0, 0);
    }
    this.#sender.wrote();
    this.#localEnded();
  }

  #localEnded(): void {
    this.isLocalOpen = false;
    if (!this.isRemoteOpen) this.close("complete");
    else if (this.#stopsPeer) this.reset(H2Code.noError);
  }
}

/** Larger pieces may fill the output within the piece: the pump looks after each frame. */
const DIRECT_BYTES_MAX = 8192;
const NO_BYTES = Buffer.alloc(0);

/** Of streams that nobody listens to any more. */
const NO_LISTENER: H2StreamListener = {
  responseHead() {},
  bodyData: () => true,
  bodyEnd() {},
  wasReset() {},
  drained() {},
};
