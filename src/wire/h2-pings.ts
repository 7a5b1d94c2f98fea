import { H2Error, protocolError } from "./h2-error.ts";
import { H2Code, H2Flag } from "./h2-protocol.ts";
import type { H2Sender } from "./h2-sender.ts";

/** PING both ways: theirs are answered, ours tell that everything sent before has been read. */
export class H2Pings {
  readonly #sender: H2Sender;
  /** By the number in the payload; answers come in order. */
  readonly #waiting = new Map<number, () => void>();
  #sent = 0;

  constructor(sender: H2Sender) {
    this.#sender = sender;
  }

  /** @param onPong called when the answer comes */
  ask(onPong: () => void): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#sent, 4);
    this.#waiting.set(this.#sent, onPong);
    this.#sender.output.ping(payload, false);
    this.#sender.wrote();
  }

  receive(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw protocolError("PING on a stream");
    if (payload.length !== 8) throw new H2Error(H2Code.frameSizeError, "PING of a wrong size");
    if (!(flags & H2Flag.ack)) {
      this.#sender.reply();
      this.#sender.output.ping(payload, true);
      return;
    }
    const number = payload.readUInt32BE(4);
    const onPong = this.#waiting.get(number);
    // An answer to nothing is ignored (RFC 9113 section 6.7 does not forbid it).
    if (!onPong) return;
    this.#waiting.delete(number);
    onPong();
  }
}
