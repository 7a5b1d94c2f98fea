import type { Clock, Timer } from "../../base/clock.ts";
import type { LiveTransport } from "../../observe/live-exchange.ts";

/** Silence after which a client that has closed its half counts as gone, ms. */
const SILENCE_MS = 5000;

/**
 * Watches a client that has closed its half of the connection and still waits for an answer. It may be reading, or it may have closed
 * all of its connection, which looks the same until something is written to it: then a reset comes. An application that hangs writes
 * nothing, and what it owes to clients that gave up would pile up.
 *
 *     watching --bytes were written--> watching --nothing for SILENCE_MS--> silent
 */
export class HalfClosedWatch {
  readonly #clock: Clock;
  readonly #transport: LiveTransport;
  readonly #onSilent: () => void;
  #timer: Timer;

  /** @param transport whose `writeBytes` tell that the answer goes on */
  constructor(clock: Clock, transport: LiveTransport, onSilent: () => void) {
    this.#clock = clock;
    this.#transport = transport;
    this.#onSilent = onSilent;
    this.#timer = this.#schedule();
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #schedule(): Timer {
    const written = this.#transport.writeBytes;
    return this.#clock.schedule(SILENCE_MS, () => {
      if (this.#transport.writeBytes === written) this.#onSilent();
      else this.#timer = this.#schedule();
    });
  }
}
