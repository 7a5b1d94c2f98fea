import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../../base/clock.ts";
import { H2Connection } from "../../wire/h2-connection.ts";
import { DEFAULT_H2_SETTINGS, type H2Settings } from "../../wire/h2-settings.ts";
import type { H2Stream } from "../../wire/h2-stream.ts";
import type { RequestHead } from "../../wire/http1-head.ts";
import { GrpcCode, GrpcError } from "./grpc-error.ts";
import type { GrpcMethod } from "./grpc-method.ts";
import { answerWithStatus, type CallState, type GrpcObserver, GrpcStream } from "./grpc-stream.ts";

export interface GrpcConnectionOptions {
  /** Ready to use: its handshake is over. */
  readonly socket: Duplex;
  readonly methods: ReadonlyMap<string, GrpcMethod>;
  readonly observer: GrpcObserver;
  /** Identity of the client; "" when it has none. */
  readonly identity: string;
  /** Its address. */
  readonly peer: string;
  readonly clock: Clock;
  /** The socket is closed; every call has been told. */
  readonly onClosed: () => void;
}

/** A connection, as others see it. */
export interface ConnectionState {
  readonly identity: string;
  readonly peer: string;
  readonly calls: readonly CallState[];
}

/** A proxy subscribes to each of its targets on one connection, and leaves many at once: neither is an attack here. */
const SETTINGS: H2Settings = {
  ...DEFAULT_H2_SETTINGS,
  connectionWindowBytes: 65_535,
  concurrentStreamsMax: 100_000,
  offencesMax: 100_000,
};

/** A peer that TCP still believes in, but that does not answer a PING (a frozen host, a lost route), is cut off. */
const PING_INTERVAL_MS = 30_000;
const PING_TIMEOUT_MS = 10_000;
/** How long a peer gets to read our last words. */
const LINGER_MS = 1000;

/**
 * gRPC calls of one client, on our own HTTP/2. What is written in a turn of the event loop leaves in one write, after all changes
 * of that turn have been told: an update of five targets of a proxy is one TLS record.
 */
export class GrpcConnection {
  readonly #options: GrpcConnectionOptions;
  readonly #connection: H2Connection;
  readonly #calls = new Set<GrpcStream>();
  #timer: Timer | undefined;
  #isClosed = false;
  #isEnding = false;

  constructor(options: GrpcConnectionOptions) {
    this.#options = options;
    this.#connection = new H2Connection({
      role: "server",
      settings: SETTINGS,
      clock: options.clock,
      listener: {
        outputWaits: () => void setImmediate(this.#flush),
        requested: (stream, head, isTooLarge) => this.#requested(stream, head, isTooLarge),
        settled() {},
        goingAway: () => this.#endWhenIdle(),
        streamClosed: () => this.#endWhenIdle(),
        failed: () => this.#end(),
      },
    });
    const { socket } = options;
    socket.on("data", (chunk: Buffer) => {
      if (!this.#isEnding) this.#connection.receive(chunk);
    });
    socket.on("drain", () => this.#connection.socketDrained());
    socket.on("end", () => {
      this.#connection.closed("peer closed the connection");
      socket.destroy();
    });
    socket.once("close", () => this.#closed());
    if (socket.destroyed) {
      this.#closed();
      return;
    }
    this.#connection.start();
    this.#timer = options.clock.schedule(PING_INTERVAL_MS, this.#ask);
  }

  get callCount(): number {
    return this.#calls.size;
  }

  describe(): ConnectionState {
    const { identity, peer } = this.#options;
    return { identity, peer, calls: [...this.#calls].map((call) => call.describe()) };
  }

  /** No new calls; those that run end with this status, so that the client goes elsewhere at once. */
  drain(error: GrpcError): void {
    for (const call of this.#calls) call.end(error);
    this.#connection.startGoaway();
    this.#flush();
  }

  #requested(stream: H2Stream, head: RequestHead, isTooLarge: boolean): void {
    const method = this.#options.methods.get(head.target);
    const problem = problemOf(head, method, isTooLarge);
    if (!method || problem) {
      answerWithStatus(stream, problem);
      return;
    }
    const call = new GrpcStream(stream, method, this.#options.observer, this.#calls);
    stream.listener = call;
    if (!stream.isRemoteOpen) call.bodyEnd();
  }

  readonly #flush = (): void => this.#connection.flush(this.#write);

  readonly #write = (bytes: Buffer): boolean => {
    const { socket } = this.#options;
    return socket.writable ? socket.write(bytes) : true;
  };

  /** Asks the peer now and then whether it is there, so that calls of vanished proxies do not pile up. */
  readonly #ask = (): void => {
    this.#timer = this.#options.clock.schedule(PING_TIMEOUT_MS, () => this.#options.socket.destroy());
    this.#connection.ping(() => {
      this.#timer?.cancel();
      if (!this.#isClosed) this.#timer = this.#options.clock.schedule(PING_INTERVAL_MS, this.#ask);
    });
  };

  #endWhenIdle(): void {
    if (this.#connection.isGone && this.#connection.streamCount === 0) this.#end();
  }

  #end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    const { socket, clock } = this.#options;
    this.#flush();
    this.#timer?.cancel();
    this.#timer = clock.schedule(LINGER_MS, () => socket.destroy());
    socket.end();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#connection.closed("connection closed");
    this.#options.onClosed();
  }
}

function problemOf(
  head: RequestHead,
  method: GrpcMethod | undefined,
  isTooLarge: boolean,
): GrpcError | undefined {
  if (isTooLarge) return new GrpcError("the head is too large", GrpcCode.resourceExhausted);
  if (!method) return new GrpcError(`there is no method ${head.target}`, GrpcCode.unimplemented);
  if (head.method === "POST" && head.fields.get("content-type")?.startsWith("application/grpc")) {
    return undefined;
  }
  return new GrpcError("this is no gRPC call", GrpcCode.internal);
}
