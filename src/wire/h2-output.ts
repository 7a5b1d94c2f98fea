import { H2_FRAME_BYTES_MAX, H2_FRAME_HEAD_BYTES, type H2Code, H2Flag, H2Frame } from "./h2-protocol.ts";

/** Bytes of a buffer that many frames are written into. */
const BUFFER_BYTES = 32_768;
const BUFFER_BYTES_MIN = 512;

/**
 * Collects frames until somebody takes them: what is written in one turn of the event loop is one piece.
 *
 * Payloads are copied. Under TLS they would be anyway, and elsewhere one write of one buffer costs less than a vectored write of
 * heads and payloads in turn.
 */
export class H2Output {
  #full: Buffer[] = [];
  #fullBytes = 0;
  #buffer: Buffer = NO_BYTES;
  #start = 0;
  #end = 0;
  /** What a turn wrote lately: an idle connection holds little, a busy one does not grow its buffer each turn. */
  #usualBytes = BUFFER_BYTES_MIN;
  /** Stream of the DATA frame that was written last and still waits, and where its flags are; 0 when something else was. */
  #lastDataStream = 0;
  #lastFlagsAt = 0;

  get pendingBytes(): number {
    return this.#fullBytes + this.#end - this.#start;
  }

  /** Hands over everything that waits, oldest first. The buffers are the caller's. */
  take(): Buffer[] {
    const taken = this.#full;
    if (this.#end > this.#start) taken.push(this.#buffer.subarray(this.#start, this.#end));
    this.#usualBytes = Math.max(BUFFER_BYTES_MIN, Math.min(BUFFER_BYTES, this.pendingBytes * 2));
    this.#full = [];
    this.#fullBytes = 0;
    this.#lastDataStream = 0;
    this.#start = this.#end;
    if (this.#buffer.length - this.#end < BUFFER_BYTES_MIN) {
      this.#buffer = NO_BYTES;
      this.#start = 0;
      this.#end = 0;
    }
    return taken;
  }

  bytes(bytes: Buffer): void {
    this.#reserve(bytes.length);
    bytes.copy(this.#buffer, this.#end);
    this.#end += bytes.length;
  }

  /** A frame whose payload is part of `source`. */
  frame(type: number, flags: number, streamId: number, source: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#reserve(H2_FRAME_HEAD_BYTES + length);
    this.#head(length, type, flags, streamId);
    if (type === H2Frame.data) this.#lastDataStream = streamId;
    source.copy(this.#buffer, this.#end, start, end);
    this.#end += length;
  }

  /**
   * Ends a stream by the DATA frame that was just written for it, which saves a frame for nearly every body.
   *
   * @returns false when something was written since, or the frame has left
   */
  endLastData(streamId: number): boolean {
    if (this.#lastDataStream !== streamId) return false;
    this.#buffer[this.#lastFlagsAt]! |= H2Flag.endStream;
    return true;
  }

  /** HEADERS, and CONTINUATION where the block is larger than a frame. The block is the first `length` bytes of `block`. */
  headerBlock(streamId: number, block: Buffer, length: number, endStream: boolean): void {
    const flags = endStream ? H2Flag.endStream : 0;
    if (length <= H2_FRAME_BYTES_MAX) {
      this.frame(H2Frame.headers, flags | H2Flag.endHeaders, streamId, block, 0, length);
      return;
    }
    this.frame(H2Frame.headers, flags, streamId, block, 0, H2_FRAME_BYTES_MAX);
    for (let start = H2_FRAME_BYTES_MAX; start < length; start += H2_FRAME_BYTES_MAX) {
      const end = Math.min(length, start + H2_FRAME_BYTES_MAX);
      this.frame(H2Frame.continuation, end === length ? H2Flag.endHeaders : 0, streamId, block, start, end);
    }
  }

  /** RST_STREAM and WINDOW_UPDATE: a frame of one number. */
  number(type: number, streamId: number, value: number): void {
    this.#reserve(H2_FRAME_HEAD_BYTES + 4);
    this.#head(4, type, 0, streamId);
    this.#end = this.#buffer.writeUInt32BE(value, this.#end);
  }

  settings(entries: readonly (readonly [id: number, value: number])[]): void {
    this.#reserve(H2_FRAME_HEAD_BYTES + entries.length * 6);
    this.#head(entries.length * 6, H2Frame.settings, 0, 0);
    for (const [id, value] of entries) {
      this.#end = this.#buffer.writeUInt16BE(id, this.#end);
      this.#end = this.#buffer.writeUInt32BE(value, this.#end);
    }
  }

  settingsAck(): void {
    this.frame(H2Frame.settings, H2Flag.ack, 0, NO_BYTES, 0, 0);
  }

  ping(payload: Buffer, isAck: boolean): void {
    this.frame(H2Frame.ping, isAck ? H2Flag.ack : 0, 0, payload, 0, 8);
  }

  goaway(lastStreamId: number, code: H2Code, reason: string): void {
    const text = Buffer.from(reason.slice(0, 200), "latin1");
    this.#reserve(H2_FRAME_HEAD_BYTES + 8 + text.length);
    this.#head(8 + text.length, H2Frame.goaway, 0, 0);
    this.#end = this.#buffer.writeUInt32BE(lastStreamId, this.#end);
    this.#end = this.#buffer.writeUInt32BE(code, this.#end);
    this.bytes(text);
  }

  #head(length: number, type: number, flags: number, streamId: number): void {
    const buffer = this.#buffer;
    let at = this.#end;
    this.#lastDataStream = 0;
    this.#lastFlagsAt = at + 4;
    buffer[at++] = length >>> 16;
    buffer[at++] = length >>> 8;
    buffer[at++] = length;
    buffer[at++] = type;
    buffer[at++] = flags;
    buffer[at++] = streamId >>> 24;
    buffer[at++] = streamId >>> 16;
    buffer[at++] = streamId >>> 8;
    buffer[at++] = streamId;
    this.#end = at;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    if (this.#end > this.#start) {
      this.#full.push(this.#buffer.subarray(this.#start, this.#end));
      this.#fullBytes += this.#end - this.#start;
      // More in a turn than ever lately.
      this.#usualBytes = Math.min(BUFFER_BYTES, this.#usualBytes * 4);
    }
    this.#buffer = Buffer.allocUnsafe(Math.max(this.#usualBytes, bytes));
    this.#start = 0;
    this.#end = 0;
  }
}

const NO_BYTES = Buffer.alloc(0);
