import { MeshError } from "../../base/error.ts";

/** Bytes of the prefix: compressed flag, then the length, big-endian. */
const PREFIX_BYTES = 5;
/** Longest message that is accepted. A full endpoint set of 20000 pods is about 8 MB. */
export const MESSAGE_BYTES_MAX = 32 * 1024 * 1024;

/**
 * A message as gRPC frames it.
 *
 *   +------+-----------------+-----------+
 *   | 0x00 | length (uint32) | message   |     0x01 would mean compressed, which neither side asks for
 *   +------+-----------------+-----------+
 */
export function encodeGrpcFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** Cuts received bytes into messages. Chunks are kept until a message is whole, and joined once. */
export class GrpcFrameDecoder {
  #chunks: Buffer[] = [];
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number = MESSAGE_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** Whether bytes of an unfinished message wait: the stream must not end here. */
  get hasRemainder(): boolean {
    return this.#bytes > 0;
  }

  /**
   * @returns the messages that became whole; views that the caller may keep
   * @throws MeshError `CONTROL_BAD_FRAME` when a message is compressed or longer than allowed (known before it is buffered)
   */
  push(chunk: Buffer): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const messages: Uint8Array[] = [];
    while (this.#bytes >= PREFIX_BYTES) {
      const head = this.#headOf(PREFIX_BYTES);
      const flag = head[0]!;
      const length = head.readUInt32BE(1);
      if (flag !== 0) throw badFrame(`its flag is ${flag}: compression was not asked for`);
      if (length > this.#bytesMax)
        throw badFrame(`it has ${length} bytes, at most ${this.#bytesMax} are accepted`);
      if (this.#bytes < PREFIX_BYTES + length) break;
      const whole = this.#headOf(PREFIX_BYTES + length);
      messages.push(whole.subarray(PREFIX_BYTES, PREFIX_BYTES + length));
      this.#drop(PREFIX_BYTES + length);
    }
    return messages;
  }

  /** The first buffer, made at least `bytes` long; there must be as many. */
  #headOf(bytes: number): Buffer {
    if (this.#chunks[0]!.length < bytes) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  #drop(bytes: number): void {
    const head = this.#chunks[0]!;
    this.#bytes -= bytes;
    if (head.length === bytes) this.#chunks.shift();
    else this.#chunks[0] = head.subarray(bytes);
  }
}

function badFrame(problem: string): MeshError {
  return new MeshError({
    kind: "environment",
    code: "CONTROL_BAD_FRAME",
    message: `the control plane sent a message that cannot be read: ${problem}`,
  });
}
