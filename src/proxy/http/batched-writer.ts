import type { Duplex } from "node:stream";
import type { LiveTransport } from "../../observe/live-exchange.ts";

/**
 * Writes to a socket so that everything written in one turn of the event loop leaves in one write: a head and the first
 * part of its body, or many chunks of a read, share one system call and one TLS record.
 */
export class BatchedWriter {
  readonly #socket: Duplex;
  readonly #transport: LiveTransport;
  #isCorked = false;
  readonly #flush: () => void;

  constructor(socket: Duplex, transport: LiveTransport) {
    this.#socket = socket;
    this.#transport = transport;
    // One closure a connection, not one a write.
    this.#flush = () => {
      this.#isCorked = false;
      this.#socket.uncork();
    };
  }

  /** @returns false when the peer reads too slowly: wait for the socket's `drain` */
  text(latin1: string): boolean {
    this.#cork();
    this.#transport.writeBytes += latin1.length;
    return this.#socket.write(latin1, "latin1");
  }

  bytes(view: Buffer): boolean {
    this.#cork();
    this.#transport.writeBytes += view.length;
    return this.#socket.write(view);
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(this.#flush);
  }
}
