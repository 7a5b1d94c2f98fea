import { H2Error, protocolError } from "./h2-error.ts";
import { H2Code, H2Flag } from "./h2-protocol.ts";

/**
 * Puts one header block at a time together.
 *
 *     idle --HEADERS with END_HEADERS--------------------> complete (clear)
 *       \--HEADERS--> open --CONTINUATION ... END_HEADERS--^
 *
 * The bytes of an unfinished block are bounded by the list's limit: a flood of CONTINUATION (CVE-2024-27316) costs at most
 * that much.
 */
export class H2HeaderBlock {
  readonly #bytesMax: number;
  streamId = 0;
  endStream = false;
  /** The priority of its HEADERS names the stream itself. */
  dependsOnItself = false;
  isOpen = false;
  /** The complete block is in here, from `start` to `end`. */
  bytes: Buffer = NO_BYTES;
  start = 0;
  end = 0;
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes HEADERS, whose payload is `chunk` from `start` to `end`. @returns whether the block is complete. @throws H2Error */
  begin(flags: number, streamId: number, chunk: Buffer, start: number, end: number): boolean {
    if (streamId === 0) throw protocolError("HEADERS on stream 0");
    const payloadEnd = end;
    if (flags & H2Flag.padded) {
      if (start === end) throw new H2Error(H2Code.frameSizeError, "padded HEADERS without pad length");
      end -= chunk[start++]!;
    }
    this.dependsOnItself = false;
    if (flags & H2Flag.priority) {
      if (payloadEnd < start + 5) {
        throw new H2Error(H2Code.frameSizeError, "HEADERS too short for its priority");
      }
      this.dependsOnItself = (chunk.readUInt32BE(start) & 0x7fffffff) === streamId;
      start += 5;
    }
    if (start > end) throw protocolError("padding fills the frame");
    this.streamId = streamId;
    this.endStream = (flags & H2Flag.endStream) !== 0;
    if (flags & H2Flag.endHeaders) {
      this.bytes = chunk;
      this.start = start;
      this.end = end;
      return true;
    }
    this.isOpen = true;
    // Copied: the payload may be part of a chunk that is much larger than what is kept of it.
    this.#parts = [Buffer.from(chunk.subarray(start, end))];
    this.#partBytes = end - start;
    return false;
  }

  /** Takes CONTINUATION of the open block. @returns as `begin` */
  continue(flags: number, payload: Buffer): boolean {
    if (!this.isOpen) throw protocolError("CONTINUATION without HEADERS");
    this.#partBytes += payload.length;
    if (this.#partBytes > this.#bytesMax) {
      throw new H2Error(H2Code.enhanceYourCalm, `header block of more than ${this.#bytesMax} bytes`);
    }
    this.#parts.push(Buffer.from(payload));
    if (!(flags & H2Flag.endHeaders)) return false;
    this.isOpen = false;
    this.bytes = Buffer.concat(this.#parts);
    this.start = 0;
    this.end = this.bytes.length;
    this.#parts = [];
    return true;
  }

  /** Lets the complete block go. */
  clear(): void {
    this.bytes = NO_BYTES;
  }
}

const NO_BYTES = Buffer.alloc(0);
