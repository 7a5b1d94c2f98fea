import { H2Error, protocolError } from "./h2-error.ts";
import {
  H2_FRAME_BYTES_MAX,
  H2_FRAME_HEAD_BYTES,
  H2_PREFACE,
  H2Code,
  H2Flag,
  H2Frame,
} from "./h2-protocol.ts";

/** Takes what the reader finds. What it throws ends the reading. */
export interface H2FrameSink {
  /** Any frame but DATA and HEADERS, whole. The payload is valid during the call. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void;
  /** HEADERS, whole. The payload is `chunk` from `start` to `end`, valid during the call: a view of each would cost more than its reading. */
  headers(flags: number, streamId: number, chunk: Buffer, start: number, end: number): void;
  /** A DATA frame begins. @param length of its payload, padding and all: what flow control counts */
  dataStart(flags: number, streamId: number, length: number): void;
  /** Some of its bytes, as they come; a view of the chunk. */
  dataPiece(view: Buffer): void;
  /** Its last byte has come. */
  dataEnd(): void;
}

const PREFACE = 0;
const HEAD = 1;
const PAYLOAD = 2;
const PAD_LENGTH = 3;
const DATA = 4;
const PADDING = 5;

/**
 * Cuts bytes into frames. What comes out does not depend on how the bytes were cut, except where DATA is cut into pieces.
 *
 *     PREFACE -> HEAD -> PAYLOAD -> HEAD ...
 *     (server)     \---> [PAD_LENGTH] -> DATA -> [PADDING] -> HEAD
 *
 * Only a frame that spans chunks is copied; DATA never is.
 */
export class H2FrameReader {
  readonly #sink: H2FrameSink;
  readonly #frameBytesMax: number;
  #state: number;
  #chunk: Buffer = NO_BYTES;
  #at = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #length = 0;
  /** Bytes of DATA, then of padding, that are still to come. */
  #remaining = 0;
  #padding = 0;

  constructor(sink: H2FrameSink, expectsPreface: boolean, frameBytesMax = H2_FRAME_BYTES_MAX) {
    this.#sink = sink;
    this.#frameBytesMax = frameBytesMax;
    this.#state = expectsPreface ? PREFACE : HEAD;
  }

  /** Whether a frame has begun and not ended. */
  get isWithinFrame(): boolean {
    return this.#state !== HEAD || this.#at < this.#chunk.length;
  }

  /** @throws H2Error when the bytes cannot be frames; whatever the sink throws */
  push(chunk: Buffer): void {
    this.#chunk =
      this.#at < this.#chunk.length ? Buffer.concat([this.#chunk.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
    while (this.#step());
    if (this.#at === this.#chunk.length) {
      this.#chunk = NO_BYTES;
      this.#at = 0;
    }
  }

  /** @returns false when more bytes are needed */
  #step(): boolean {
    switch (this.#state) {
      case PREFACE:
        return this.#readPreface();
      case HEAD:
        return this.#readHead();
      case PAYLOAD:
        return this.#readPayload();
      case PAD_LENGTH:
        return this.#readPadLength();
      case DATA:
        return this.#readData();
      default:
        return this.#readPadding();
    }
  }

  #readPreface(): boolean {
    const available = Math.min(this.#chunk.length, H2_PREFACE.length);
    if (this.#chunk.compare(H2_PREFACE, 0, available, 0, available) !== 0) {
      throw protocolError("connection does not begin with the HTTP/2 preface");
    }
    if (available < H2_PREFACE.length) return false;
    this.#at = available;
    this.#state = HEAD;
    return true;
  }

  #readHead(): boolean {
    const chunk = this.#chunk;
    const at = this.#at;
    if (chunk.length - at < H2_FRAME_HEAD_BYTES) return false;
    this.#length = (chunk[at]! << 16) | (chunk[at + 1]! << 8) | chunk[at + 2]!;
    this.#type = chunk[at + 3]!;
    this.#flags = chunk[at + 4]!;
    this.#streamId = chunk.readUInt32BE(at + 5) & 0x7fffffff;
    if (this.#length > this.#frameBytesMax) {
      throw new H2Error(
        H2Code.frameSizeError,
        `frame of ${this.#length} bytes, at most ${this.#frameBytesMax} are taken`,
      );
    }
    this.#at = at + H2_FRAME_HEAD_BYTES;
    if (this.#type !== H2Frame.data) {
      this.#state = PAYLOAD;
      return true;
    }
    this.#padding = 0;
    this.#remaining = this.#length;
    const isPadded = (this.#flags & H2Flag.padded) !== 0;
    if (isPadded && this.#length === 0)
      throw new H2Error(H2Code.frameSizeError, "padded DATA without pad length");
    this.#sink.dataStart(this.#flags, this.#streamId, this.#length);
    this.#state = isPadded ? PAD_LENGTH : DATA;
    return true;
  }

  #readPayload(): boolean {
    const end = this.#at + this.#length;
    if (end > this.#chunk.length) return false;
    const start = this.#at;
    this.#at = end;
    this.#state = HEAD;
    if (this.#type === H2Frame.headers) {
      this.#sink.headers(this.#flags, this.#streamId, this.#chunk, start, end);
    } else {
      this.#sink.frame(this.#type, this.#flags, this.#streamId, this.#chunk.subarray(start, end));
    }
    return true;
  }

  #readPadLength(): boolean {
    if (this.#at === this.#chunk.length) return false;
    this.#padding = this.#chunk[this.#at++]!;
    if (this.#padding >= this.#length)
      throw protocolError(`padding of ${this.#padding} bytes fills the frame`);
    this.#remaining = this.#length - 1 - this.#padding;
    this.#state = DATA;
    return true;
  }

  #readData(): boolean {
    if (this.#remaining > 0) {
      const available = Math.min(this.#remaining, this.#chunk.length - this.#at);
      if (available === 0) return false;
      const view = this.#chunk.subarray(this.#at, this.#at + available);
      this.#at += available;
      this.#remaining -= available;
      this.#sink.dataPiece(view);
      if (this.#remaining > 0) return false;
    }
    this.#remaining = this.#padding;
    this.#state = PADDING;
    return true;
  }

  #readPadding(): boolean {
    const available = Math.min(this.#remaining, this.#chunk.length - this.#at);
    this.#at += available;
    this.#remaining -= available;
    if (this.#remaining > 0) return false;
    this.#state = HEAD;
    this.#sink.dataEnd();
    return true;
  }
}

const NO_BYTES = Buffer.alloc(0);
