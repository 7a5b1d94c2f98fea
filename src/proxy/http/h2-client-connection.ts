import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { LiveTransport } from "../../observe/live-exchange.ts";
import { H2Code } from "../../wire/h2-protocol.ts";
import type { H2Settings } from "../../wire/h2-settings.ts";
import type { H2Reset, H2Stream, H2StreamListener } from "../../wire/h2-stream.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import { type ClientChannel, type ClientRequest, hasBody, type ResponseSink } from "./client-channel.ts";
import { H2Liveness, PEER_ANSWER_MS, PEER_SILENCE_MS } from "./h2-liveness.ts";
import { H2Session } from "./h2-session.ts";

export interface H2ClientOptions {
  readonly socket: Duplex;
  readonly transport: LiveTransport;
  readonly clock: Clock;
  /** What we ask of the server; absent: the defaults. */
  readonly settings?: H2Settings | undefined;
  /** Streams at once that the server takes presumably, until it says so on this connection; absent: as for any server. */
  readonly streamsMax?: number;
  /** It may take more streams than before, or none any more: look at it again. */
  readonly onChange: () => void;
  readonly onClosed: (connection: H2ClientConnection, errno: string) => void;
}

/** Speaks HTTP/2 to one server; each request is a stream. */
export class H2ClientConnection {
  readonly #session: H2Session;
  readonly #liveness: H2Liveness;
  /** Streams that were promised and have not begun. */
  #reserved = 0;
  #streamsMax: number;
  #isRetired = false;
  #hasCarried = false;

  constructor(options: H2ClientOptions) {
    this.#session = new H2Session({
      role: "client",
      socket: options.socket,
      transport: options.transport,
      clock: options.clock,
      settings: options.settings,
      listener: {
        requested() {},
        settled: () => {
          this.#streamsMax = this.#session.connection.peer.concurrentStreamsMax;
          options.onChange();
        },
        goingAway: () => this.retire(),
        streamClosed: () => {
          this.#closeWhenIdle();
          options.onChange();
        },
      },
      onClosed: (errno) => {
        this.#liveness.stop();
        options.onClosed(this, errno);
      },
    });
    this.#streamsMax = Math.min(
      options.streamsMax ?? Number.POSITIVE_INFINITY,
      this.#session.connection.peer.concurrentStreamsMax,
    );
    this.#liveness = new H2Liveness({
      connection: this.#session.connection,
      transport: options.transport,
      clock: options.clock,
      silenceMs: PEER_SILENCE_MS,
      answerMs: PEER_ANSWER_MS,
      onDead: () => this.#session.destroy("ETIMEDOUT"),
    });
    this.#session.start();
  }

  /** Whether it will take streams now or later. */
  get isUsable(): boolean {
    return !this.#isRetired && this.#session.connection.isUsable;
  }

  /** Streams at once that the server takes, as far as is known. */
  get streamsMax(): number {
    return this.#streamsMax;
  }

  /** A way for one request; undefined while the server takes no more. */
  take(): ClientChannel | undefined {
    const { connection } = this.#session;
    if (this.#isRetired || !connection.canOpen) return undefined;
    if (connection.streamCount + this.#reserved >= this.#streamsMax) return undefined;
    this.#reserved++;
    const channel = new StreamChannel(this, this.#hasCarried);
    this.#hasCarried = true;
    return channel;
  }

  open(listener: H2StreamListener): H2Stream | undefined {
    this.#reserved--;
    if (!this.#session.connection.canOpen) return undefined;
    const stream = this.#session.connection.open(listener);
    this.#liveness.watch();
    return stream;
  }

  unreserve(): void {
    this.#reserved--;
    this.#closeWhenIdle();
  }

  /** Takes no more requests; closes once those that run are over. */
  retire(): void {
    this.#isRetired = true;
    this.#closeWhenIdle();
  }

  destroy(): void {
    this.#session.destroy();
  }

  #closeWhenIdle(): void {
    if (!this.#isRetired || this.#reserved > 0 || this.#session.connection.streamCount > 0) return;
    this.#session.connection.startGoaway();
    this.#session.end();
  }
}

/**
 *     reserved --send--> open --response and request complete--> over
 *        \--close          \--reset by either side, connection lost--^
 */
class StreamChannel implements ClientChannel, H2StreamListener {
  readonly wasReused: boolean;
  hasResponse = false;
  readonly #connection: H2ClientConnection;
  #stream: H2Stream | undefined;
  #sink: ResponseSink | undefined;
  #isRequestDone = false;

  constructor(connection: H2ClientConnection, wasReused: boolean) {
    this.#connection = connection;
    this.wasReused = wasReused;
  }

  send({ head, target, sink }: ClientRequest): void {
    const stream = this.#connection.open(this);
    if (!stream) {
      // The server said goodbye between the promise and now: nothing was sent.
      sink.responseReset(H2Code.refusedStream, "server goes away", true);
      return;
    }
    this.#stream = stream;
    this.#sink = sink;
    this.#isRequestDone = !hasBody(head);
    stream.sendRequest(head, target, this.#isRequestDone);
  }

  close(): void {
    if (this.#stream) this.abort();
    else this.#connection.unreserve();
  }

  // The request's body.

  data(view: Buffer): boolean {
    return this.#stream?.sendData(view) ?? true;
  }

  end(trailers: Fields | undefined): void {
    this.#isRequestDone = true;
    this.#stream?.sendEnd(trailers);
  }

  abort(): void {
    this.#sink = undefined;
    this.#stream?.reset(H2Code.cancel);
  }

  resume(): void {
    this.#stream?.resume();
  }

  // From the server.

  responseHead(head: ResponseHead): void {
    if (head.status < 200) {
      this.#sink?.responseInterim(head);
      return;
    }
    this.hasResponse = true;
    this.#sink?.responseHead(head);
  }

  bodyData(view: Buffer): boolean {
    return this.#sink?.responseData(view) ?? true;
  }

  bodyEnd(trailers: Fields | undefined): void {
    const sink = this.#sink;
    this.#sink = undefined;
    // Nobody takes the rest of the request: the server has answered without it.
    if (!this.#isRequestDone) this.#stream?.reset(H2Code.noError);
    sink?.responseEnd(trailers);
  }

  wasReset(code: H2Code, message: string, how: H2Reset): void {
    const sink = this.#sink;
    this.#sink = undefined;
    if (how === "lost") sink?.responseFailed(lost(message, this.hasResponse));
    else sink?.responseReset(code, message, how === "refused");
  }

  drained(): void {
    this.#sink?.requestDrained();
  }
}

function lost(message: string, hasResponse: boolean): MeshError {
  return new MeshError({
    kind: "environment",
    code: "UPSTREAM_CLOSED",
    message: `server was lost ${hasResponse ? "within" : "before"} its response: ${message}`,
  });
}
