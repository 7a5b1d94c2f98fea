import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { LiveTransport } from "../../observe/live-exchange.ts";
import type { H2Stream, H2StreamListener } from "../../wire/h2-stream.ts";
import { H2Liveness } from "../http/h2-liveness.ts";
import { H2Session } from "../http/h2-session.ts";

/** A dead peer is found out by a PING, at most this long after it fell silent, ms. */
const SILENCE_MS = 20_000;
const ANSWER_MS = 5000;

export interface GrpcSessionOptions {
  readonly socket: Duplex;
  readonly clock: Clock;
  /** The server has sent its settings: calls can be made. */
  readonly onReady: () => void;
  /** No new calls; those that run may finish. */
  readonly onRetired: () => void;
  readonly onClosed: (errno: string) => void;
}

/** An HTTP/2 connection to a control-plane service, which all calls to it share. */
export class GrpcSession {
  readonly #session: H2Session;
  readonly #liveness: H2Liveness;

  constructor({ socket, clock, onReady, onRetired, onClosed }: GrpcSessionOptions) {
    let isReady = false;
    // The proxy's own traffic is in no metric of connections; its bytes tell of life.
    const transport = new LiveTransport("outbound", "dst");
    this.#session = new H2Session({
      role: "client",
      socket,
      transport,
      clock,
      listener: {
        requested() {},
        settled() {
          if (!isReady) onReady();
          isReady = true;
        },
        goingAway: () => {
          onRetired();
          this.#closeWhenIdle();
        },
        streamClosed: () => this.#closeWhenIdle(),
      },
      onClosed: (errno) => {
        this.#liveness.stop();
        onClosed(errno);
      },
    });
    this.#liveness = new H2Liveness({
      connection: this.#session.connection,
      transport,
      clock,
      silenceMs: SILENCE_MS,
      answerMs: ANSWER_MS,
      onDead: () => this.#session.destroy("ETIMEDOUT"),
    });
    this.#session.start();
  }

  get isUsable(): boolean {
    return this.#session.connection.isUsable;
  }

  /** @returns undefined when the server takes no more calls */
  open(listener: H2StreamListener): H2Stream | undefined {
    if (!this.#session.connection.canOpen) return undefined;
    const stream = this.#session.connection.open(listener);
    this.#liveness.watch();
    return stream;
  }

  destroy(): void {
    this.#session.destroy();
  }

  #closeWhenIdle(): void {
    const { connection } = this.#session;
    if (!connection.isUsable && connection.streamCount === 0) this.#session.end();
  }
}
