import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { systemErrorCode } from "../../base/error.ts";
import type { LiveTransport } from "../../observe/live-exchange.ts";
import { H2Connection, type H2ConnectionListener } from "../../wire/h2-connection.ts";
import { DEFAULT_H2_SETTINGS, type H2Settings } from "../../wire/h2-settings.ts";

export interface H2SessionOptions {
  readonly role: "client" | "server";
  readonly socket: Duplex;
  readonly transport: LiveTransport;
  readonly clock: Clock;
  /** What we ask of the peer. Default: DEFAULT_H2_SETTINGS. */
  readonly settings?: H2Settings | undefined;
  readonly listener: Omit<H2ConnectionListener, "outputWaits" | "failed">;
  /** The socket is closed; every stream has been told. `errno` as in LiveTransport. */
  readonly onClosed: (errno: string) => void;
}

/** How long a peer gets to read our last words, ms. */
const LINGER_MS = 1000;

/**
 * Joins an HTTP/2 connection with its socket.
 *
 *     open --end, failed--> closing: everything was written; ends when the peer closes, or after LINGER_MS
 *       \-- socket closed, or ended by the peer --> closed
 *
 * Output leaves once in a turn of the event loop, after all sockets have been read (`setImmediate`): under load the frames of many
 * requests share one system call and one TLS record, and an idle loop has no turn to wait for.
 */
export class H2Session {
  readonly connection: H2Connection;
  readonly #options: H2SessionOptions;
  readonly #socket: Duplex;
  #isClosing = false;
  #isClosed = false;
  #errno = "";

  constructor(options: H2SessionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    const { listener } = options;
    this.connection = new H2Connection({
      role: options.role,
      settings: options.settings ?? DEFAULT_H2_SETTINGS,
      clock: options.clock,
      listener: {
        outputWaits: () => void setImmediate(this.#flush),
        requested: (stream, head, isTooLarge) => listener.requested(stream, head, isTooLarge),
        settled: () => listener.settled(),
        goingAway: (code) => listener.goingAway(code),
        streamClosed: () => listener.streamClosed(),
        failed: () => this.end(),
      },
    });
  }

  start(): void {
    const socket = this.#socket;
    socket.on("data", this.#onData);
    socket.on("drain", this.#onDrain);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    if (socket.destroyed) {
      this.#onClose();
      return;
    }
    this.connection.start();
    socket.resume();
  }

  /** Writes what waits, then closes. */
  end(): void {
    if (this.#isClosing || this.#isClosed) return;
    this.#isClosing = true;
    const socket = this.#socket;
    this.#flush();
    socket.once("finish", () => {
      const timer = this.#options.clock.schedule(LINGER_MS, () => socket.destroy());
      socket.once("close", () => timer.cancel());
    });
    socket.end();
  }

  /** Cuts the connection. @param errno why, when the socket has no reason of its own */
  destroy(errno = ""): void {
    this.#errno ||= errno;
    this.#socket.destroy();
  }

  readonly #flush = (): void => this.connection.flush(this.#write);

  readonly #write = (bytes: Buffer): boolean => {
    if (!this.#socket.writable) return true;
    this.#options.transport.writeBytes += bytes.length;
    return this.#socket.write(bytes);
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#options.transport.readBytes += chunk.length;
    if (!this.#isClosing) this.connection.receive(chunk);
  };

  readonly #onDrain = (): void => this.connection.socketDrained();

  /** A peer that closes its half reads no answers either: nobody half-closes HTTP/2. */
  readonly #onEnd = (): void => {
    // A client writes no more requests then: those that wait were not sent.
    if (!this.connection.isServer) this.connection.closed("peer closed the connection");
    if (this.#isClosing) this.#socket.destroy();
    else this.end();
    this.connection.closed("peer closed the connection");
  };

  readonly #onError = (error: Error): void => {
    this.#errno = systemErrorCode(error) ?? "EPIPE";
  };

  readonly #onClose = (): void => {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const how = this.#errno === "" ? "" : ` (${this.#errno})`;
    this.connection.closed(`connection closed${how}`);
    this.#options.onClosed(this.#errno);
  };
}
