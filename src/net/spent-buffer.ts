/** Less memory is not worth the call, bytes. */
const WORTH_BYTES = 16_384;

/**
 * Gives memory back that was read from sockets, as soon as all of it is written.
 *
 * Left to the garbage collector, a stream's chunks pile up to 64 MB, and then the whole heap is marked, since what lies outside of it
 * is what presses: a third of an opaque stream's time (`npm run bench:proxy -- --only opaque`, Node 26). Node reads a chunk into memory
 * of its own, or several into one piece, which other sockets may share: it is given back when all of its bytes came by here, so that
 * nobody else can have any.
 */
export class SpentBuffers {
  #buffer: ArrayBufferLike | undefined;
  #bytes = 0;

  /** A chunk was written, in the order of reading. Nobody holds a view of it any more. */
  written(chunk: Buffer): void {
    const { buffer } = chunk;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#bytes = 0;
    }
    this.#bytes += chunk.length;
    if (this.#bytes !== buffer.byteLength) return;
    this.#buffer = undefined;
    if (this.#bytes >= WORTH_BYTES && buffer instanceof ArrayBuffer) detach(buffer);
  }
}

/** Frees the bytes: the buffer that takes their place has none. */
function detach(buffer: ArrayBuffer): void {
  try {
    buffer.transfer(0);
  } catch {
    // Node's own pool may not be detached; it is no loss.
  }
}
