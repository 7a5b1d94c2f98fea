import { MeshError } from "../../base/error.ts";
import type { Drainable } from "../../net/live-set.ts";
import { LiveTransport } from "../../observe/live-exchange.ts";
import { H2Code, h2CodeName } from "../../wire/h2-protocol.ts";
import type { H2Reset, H2Stream, H2StreamListener } from "../../wire/h2-stream.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { RequestHead, ResponseHead } from "../../wire/http1-head.ts";
import { type BodySink, DISCARD } from "./body-sink.ts";
import { H2Liveness } from "./h2-liveness.ts";
import { H2Session } from "./h2-session.ts";
import { H2Tunnel } from "./h2-tunnel.ts";
import { openExchange } from "./open-exchange.ts";
import type { ServerConnectionOptions } from "./server-connection.ts";
import type { ExchangeConnection, ServerExchange } from "./server-exchange.ts";
import type { UpgradedStream } from "./upgraded-stream.ts";

/**
 * Serves HTTP/2 on one client connection: each stream is an exchange, all at once.
 *
 * An answer that would end an HTTP/1 connection does not end this one: other exchanges are on it.
 */
export class H2ServerConnection implements Drainable {
  readonly #options: ServerConnectionOptions;
  readonly #session: H2Session;
  readonly #liveness: H2Liveness | undefined;

  constructor(options: ServerConnectionOptions) {
    this.#options = options;
    this.#session = new H2Session({
      role: "server",
      socket: options.socket,
      transport: options.transport,
      clock: options.clock,
      settings: options.http2?.settings,
      listener: {
        requested: (stream, head, isTooLarge) => this.#requested(stream, head, isTooLarge),
        settled() {},
        goingAway: () => this.#closeWhenIdle(),
        streamClosed: () => this.#closeWhenIdle(),
      },
      onClosed: (errno) => {
        this.#liveness?.stop();
        options.onClosed(errno);
      },
    });
    const keepAlive = options.http2?.keepAlive;
    this.#liveness =
      keepAlive &&
      new H2Liveness({
        connection: this.#session.connection,
        transport: options.transport,
        clock: options.clock,
        whileIdle: true,
        silenceMs: keepAlive.intervalMs,
        answerMs: keepAlive.timeoutMs,
        onDead: () => this.#session.destroy("ETIMEDOUT"),
      });
  }

  start(): void {
    this.#session.start();
    this.#liveness?.watch();
  }

  drain(): void {
    this.#session.connection.startGoaway();
  }

  destroy(): void {
    this.#session.destroy();
  }

  #requested(stream: H2Stream, head: RequestHead, isTooLarge: boolean): void {
    if (head.method === "CONNECT") asHttp1Connect(head);
    const served = new ServerStream(stream, this.#options.direction);
    stream.listener = served;
    const exchange = openExchange(head, served, this.#options);
    served.exchange = exchange;
    if (isTooLarge) {
      exchange.fail(tooLarge());
    } else {
      this.#options.handler.handle(exchange);
    }
  }

  #closeWhenIdle(): void {
    const { connection } = this.#session;
    if (connection.isGone && connection.streamCount === 0) this.#session.end();
  }
}

/**
 * One request on an HTTP/2 connection.
 *
 * Body bytes that come before the layers have found a taker are kept: no more than the stream's window, which stays shut until then.
 */
class ServerStream implements ExchangeConnection, H2StreamListener {
  readonly #stream: H2Stream;
  readonly #direction: LiveTransport["direction"];
  exchange: ServerExchange | undefined;
  #sink: BodySink | undefined;
  #held: Buffer[] = [];
  #isRequestDone: boolean;
  #trailers: Fields | undefined;

  constructor(stream: H2Stream, direction: LiveTransport["direction"]) {
    this.#stream = stream;
    this.#direction = direction;
    this.#isRequestDone = !stream.isRemoteOpen;
  }

  // From the layers.

  attachBody(_exchange: ServerExchange, sink: BodySink): void {
    if (this.#stream.isClosed && !this.#isRequestDone) {
      sink.abort();
      return;
    }
    this.#sink = sink;
    let isTaken = true;
    for (const view of this.#held) isTaken = this.#deliver(view) && isTaken;
    this.#held = [];
    if (this.#isRequestDone) this.#endBody();
    else if (isTaken) this.#stream.resume();
  }

  resumeBody(): void {
    this.#stream.resume();
  }

  sendInterim(_exchange: ServerExchange, head: ResponseHead): void {
    this.#stream.sendResponse(head, false);
  }

  sendHead(_exchange: ServerExchange, head: ResponseHead): void {
    this.#stream.sendResponse(head, head.body === "none");
  }

  sendData(_exchange: ServerExchange, view: Buffer): boolean {
    return this.#stream.sendData(view);
  }

  sendEnd(_exchange: ServerExchange, trailers: Fields | undefined): void {
    this.#abortBody();
    if (this.#isRequestDone) {
      this.#stream.sendEnd(trailers);
      return;
    }
    // The rest of the request has no taker: it is not read, and the client is asked to stop.
    this.#sink = DISCARD;
    if (this.#stream.isLocalOpen) this.#stream.sendEnd(trailers, true);
    else this.#stream.reset(H2Code.noError);
  }

  upgrade(exchange: ServerExchange): UpgradedStream {
    const socket = new H2Tunnel(this.#stream, this.#held);
    this.#held = [];
    return {
      socket,
      // The connection's own books count what passes its socket.
      transport: new LiveTransport(this.#direction, "src"),
      rest: NO_BYTES,
      released: () => exchange.tunnelClosed(),
    };
  }

  cut(_exchange: ServerExchange, code: H2Code): void {
    this.#abortBody();
    this.#stream.reset(code);
  }

  // From the connection.

  responseHead(): void {}

  bodyData(view: Buffer): boolean {
    if (this.#sink) return this.#deliver(view);
    this.#held.push(view);
    return false;
  }

  bodyEnd(trailers: Fields | undefined): void {
    this.#isRequestDone = true;
    this.exchange?.requestEnded();
    this.#trailers = trailers;
    if (this.#sink) this.#endBody();
  }

  #endBody(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.end(this.#trailers);
  }

  wasReset(code: H2Code, _message: string, how: H2Reset): void {
    this.#abortBody();
    this.#held = [];
    this.exchange?.clientGone(
      how === "lost" ? "client closed the connection" : `client: ${h2CodeName(code)}`,
    );
  }

  drained(): void {
    this.exchange?.upstream?.resume();
  }

  #deliver(view: Buffer): boolean {
    this.exchange!.live.countRequest(view.length);
    return this.#sink!.data(view);
  }

  #abortBody(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    if (!this.#isRequestDone) sink?.abort();
  }
}

/** Upstream a CONNECT goes over a connection of its own, as HTTP/1 has it; what it opens has no body but a tunnel. */
function asHttp1Connect(head: RequestHead): void {
  head.isHttp2 = false;
  head.minor = 1;
  head.body = "none";
}

function tooLarge(): MeshError {
  return new MeshError({
    kind: "environment",
    code: "HTTP_HEAD_TOO_LARGE",
    message: "header list is larger than this proxy takes",
    hint: "send fewer or shorter header fields",
  });
}

const NO_BYTES = Buffer.alloc(0);
