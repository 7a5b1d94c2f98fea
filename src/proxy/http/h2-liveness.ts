import type { Clock, Timer } from "../../base/clock.ts";
import type { LiveTransport } from "../../observe/live-exchange.ts";
import type { H2Connection } from "../../wire/h2-connection.ts";

export interface H2LivenessOptions {
  readonly connection: H2Connection;
  /** Whose `readBytes` tell of life. */
  readonly transport: LiveTransport;
  readonly clock: Clock;
  /** Also while no streams run. Default false: nobody waits for an idle connection. */
  readonly whileIdle?: boolean;
  /** Silence after which the peer is asked, ms. */
  readonly silenceMs: number;
  /** Time that it has to answer, ms. */
  readonly answerMs: number;
  /** It has not answered. */
  readonly onDead: () => void;
}

/** Between proxies; the values of Linkerd's chart for meshed connections, ms. */
export const PEER_SILENCE_MS = 10_000;
export const PEER_ANSWER_MS = 3000;

/**
 * Notices that a peer is gone without a word: a machine that lost its power, a network that drops packets. Everybody's requests
 * share the connection, so that without it all of them would wait until TCP gives up, which takes minutes.
 *
 *     resting --streams--> listening --silence--> asking --answer--> listening ... --no streams--> resting
 *                                                    \--none in time--> dead
 *
 * After a long rest the first stream asks at once. One timer, and none while no streams run.
 */
export class H2Liveness {
  readonly #options: H2LivenessOptions;
  #timer: Timer | undefined;
  #seenBytes = 0;
  #seenAt: number;

  constructor(options: H2LivenessOptions) {
    this.#options = options;
    this.#seenAt = options.clock.monotonic();
  }

  /** Streams run. */
  watch(): void {
    if (this.#timer) return;
    this.#look();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const { connection, transport, clock, silenceMs, whileIdle } = this.#options;
    if (connection.streamCount === 0 && !whileIdle) return;
    const now = clock.monotonic();
    if (transport.readBytes !== this.#seenBytes) {
      this.#seenBytes = transport.readBytes;
      this.#seenAt = now;
    }
    const leftMs = this.#seenAt + silenceMs - now;
    if (leftMs > 0) this.#timer = clock.schedule(leftMs, this.#look);
    else this.#ask();
  };

  #ask(): void {
    const { connection, clock, answerMs, onDead } = this.#options;
    this.#timer = clock.schedule(answerMs, onDead);
    connection.ping(() => {
      this.stop();
      this.#look();
    });
  }
}
