import { H2Error, protocolError } from "./h2-error.ts";
import { H2Code, H2Flag } from "./h2-protocol.ts";

/**
 * Puts one header block at a time together.
 *
 *     idle --HEADERS with END_HEADERS--------------------> complete (take)
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
  #parts: Buffer[] = [];
  #bytes = 0;
  #block: Buffer = NO_BYTES;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes HEADERS. @returns whether the block is complete. @throws H2Error */
  begin(flags: number, streamId: number, payload: Buffer): boolean {
    if (streamId === 0) throw protocolError("HEADERS on stream 0");
    let start = 0;
    let end = payload.length;
    if (flags & H2Flag.padded) {
      if (end === 0) throw new H2Error(H2Code.frameSizeError, "padded HEADERS without pad length");
      start = 1;
      end -= payload[0]!;
    }
    this.dependsOnItself = false;
    if (flags & H2Flag.priority) {
      if (payload.length < start + 5) {
        throw new H2Error(H2Code.frameSizeError, "HEADERS too short for its priority");
      }
      this.dependsOnItself = (payload.readUInt32BE(start) & 0x7fffffff) === streamId;
      start += 5;
    }
    if (start > end) throw protocolError("padding fills the frame");
    this.streamId = streamId;
    this.endStream = (flags & H2Flag.endStream) !== 0;
    const block = payload.subarray(start, end);
    if (flags & H2Flag.endHeaders) {
      this.#block = block;
      return true;
    }
    this.isOpen = true;
    // Copied: the payload may be part of a chunk that is much larger than what is kept of it.
    this.#parts = [Buffer.from(block)];
    this.#bytes = block.length;
    return false;
  }

  /** Takes CONTINUATION of the open block. @returns as `begin` */
  continue(flags: number, payload: Buffer): boolean {
    if (!this.isOpen) throw protocolError("CONTINUATION without HEADERS");
    this.#bytes += payload.length;
    if (this.#bytes > this.#bytesMax) {
      throw new H2Error(H2Code.enhanceYourCalm, `header block of more than ${this.#bytesMax} bytes`);
    }
    this.#parts.push(Buffer.from(payload));
    if (!(flags & H2Flag.endHeaders)) return false;
    this.isOpen = false;
    this.#block = Buffer.concat(this.#parts);
    this.#parts = [];
    return true;
  }

  /** The complete block, once. */
  take(): Buffer {
    const block = this.#block;
    this.#block = NO_BYTES;
    return block;
  }
}

const NO_BYTES = Buffer.alloc(0);
