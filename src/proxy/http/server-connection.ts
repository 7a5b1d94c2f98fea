import type { Duplex } from "node:stream";
import { systemErrorCode } from "../../base/error.ts";
import type { Drainable } from "../../net/live-set.ts";
import type { LiveTransport } from "../../observe/live-exchange.ts";
import { Http1Decoder, Http1Event } from "../../wire/http1-decoder.ts";
import {
  CHUNK_TAIL,
  encodeChunkHead,
  encodeLastChunk,
  encodeResponseHead,
  type SendFraming,
} from "../../wire/http1-encode.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import { RequestHead, type ResponseHead } from "../../wire/http1-head.ts";
import type { Http2ServerConfig } from "../config-http2.ts";
import { BatchedWriter } from "./batched-writer.ts";
import type { BodySink } from "./body-sink.ts";
import { HalfClosedWatch } from "./half-closed.ts";
import { type ExchangeOptions, openExchange } from "./open-exchange.ts";
import type { ExchangeConnection, ServerExchange } from "./server-exchange.ts";
import type { UpgradedStream } from "./upgraded-stream.ts";

/** Takes each request of a connection: the outermost layer of a stack. */
export interface HttpHandler {
  handle(exchange: ServerExchange): void;
}

export interface ServerConnectionOptions extends ExchangeOptions {
  readonly socket: Duplex;
  readonly transport: LiveTransport;
  readonly handler: HttpHandler;
  /** How HTTP/2 is served; absent: with the defaults. */
  readonly http2?: Http2ServerConfig | undefined;
  /** The connection is over, or has been handed to a tunnel that is. `errno` as in LiveTransport. */
  readonly onClosed: (errno: string) => void;
}

/** How long a client gets to read an answer that was given before its request had ended, ms. RFC 9112 section 9.6. */
const LINGER_MS = 1000;

/**
 * Serves HTTP/1 on one client connection: reads a request, hands it to the layers, writes the response, goes on.
 *
 *     idle --head--> active --response and request complete--> idle (or closing)
 *                      |--101 / CONNECT--> upgraded
 *     closing: everything was written; late input is discarded until the client closes or LINGER_MS pass
 *
 * Pipelined requests wait in the decoder: one exchange at a time, so responses cannot get out of order. Reading stops
 * while bytes wait that nobody takes, which is what slows a client down.
 */
export class HttpServerConnection implements ExchangeConnection, Drainable {
  readonly #options: ServerConnectionOptions;
  readonly #socket: Duplex;
  readonly #writer: BatchedWriter;
  readonly #decoder = new Http1Decoder("request");
  #state: "idle" | "active" | "upgraded" | "closing" | "closed" = "idle";
  #exchange: ServerExchange | undefined;
  #sink: BodySink | undefined;
  #isRequestDone = false;
  /** The client keeps its body until it hears 100, or that nobody wants it. */
  #awaitsContinue = false;
  #isBodyBlocked = false;
  #isInputEnded = false;
  #halfClosed: HalfClosedWatch | undefined;
  #isDraining = false;
  #isPumping = false;
  #responseFraming: SendFraming = "keep";
  #keepAlive = true;
  #errno = "";

  constructor(options: ServerConnectionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#writer = new BatchedWriter(options.socket, options.transport);
  }

  start(): void {
    const socket = this.#socket;
    this.#decoder.begin();
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    if (socket.destroyed) this.#onClose();
    else socket.resume();
  }

  drain(): void {
    this.#isDraining = true;
    // With nothing begun nothing is lost; a request that crosses our close is one that the client may repeat.
    if (this.#state === "idle" && this.#decoder.isIdle && !this.#decoder.hasRest) this.#finish();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  attachBody(exchange: ServerExchange, sink: BodySink): void {
    if (exchange !== this.#exchange) {
      sink.abort();
    } else if (this.#isRequestDone) {
      sink.end(undefined);
    } else {
      this.#sink = sink;
      this.#pump();
    }
  }

  resumeBody(exchange: ServerExchange): void {
    if (exchange !== this.#exchange || !this.#isBodyBlocked) return;
    this.#isBodyBlocked = false;
    this.#pump();
  }

  sendInterim(_exchange: ServerExchange, head: ResponseHead): void {
    if (head.status === 100) this.#awaitsContinue = false;
    const options = { minor: 1, framing: "keep", connection: "", keepUpgrade: false } as const;
    this.#writer.text(encodeResponseHead(head, options));
  }

  sendHead(exchange: ServerExchange, head: ResponseHead): void {
    const { request } = exchange;
    this.#responseFraming = "keep";
    if (head.body === "chunked" || head.body === "until-close") {
      this.#responseFraming = request.minor === 1 ? "chunked" : "until-close";
    } else if (head.body === "none" && needsLength(head, request.method)) {
      // From HTTP/2, whose frames say that a body is empty; here nothing else would.
      head.fields.append("content-length", "0");
    }
    // A request whose body nobody reads leaves the connection in the middle of that body. A client that waits for 100 would have
    // to send its refused body after all if the connection were to go on (RFC 9110 section 10.1.1).
    const isBodyTaken = this.#isRequestDone || (this.#sink !== undefined && !this.#awaitsContinue);
    const isDelimited = this.#responseFraming !== "until-close";
    this.#keepAlive =
      request.keepAlive && isBodyTaken && isDelimited && !exchange.mustClose && !this.#isDraining;
    const isTunnel = head.body === "tunnel";
    this.#writer.text(
      encodeResponseHead(head, {
        minor: request.minor,
        framing: this.#responseFraming,
        connection: isTunnel ? (head.status === 101 ? "upgrade" : "") : this.#connectionValue(request.minor),
        keepUpgrade: head.status === 101,
      }),
    );
  }

  sendData(_exchange: ServerExchange, view: Buffer): boolean {
    if (this.#responseFraming !== "chunked") return this.#writer.bytes(view);
    // An empty chunk would end the body.
    if (view.length === 0) return true;
    this.#writer.text(encodeChunkHead(view.length));
    this.#writer.bytes(view);
    return this.#writer.text(CHUNK_TAIL);
  }

  sendEnd(exchange: ServerExchange, trailers: Fields | undefined): void {
    if (exchange !== this.#exchange) return;
    if (this.#responseFraming === "chunked") this.#writer.text(encodeLastChunk(trailers));
    const isRequestDone = this.#isRequestDone;
    this.#exchange = undefined;
    const sink = this.#sink;
    this.#sink = undefined;
    if (!isRequestDone) {
      // The rest of the request has no taker: say what we have, then close (RFC 9112 section 9.6).
      sink?.abort();
      this.#finish();
      return;
    }
    if (!this.#keepAlive || this.#isDraining) {
      this.#finish();
      return;
    }
    this.#state = "idle";
    this.#decoder.begin();
    this.#pump();
  }

  upgrade(exchange: ServerExchange): UpgradedStream {
    const socket = this.#socket;
    this.#state = "upgraded";
    this.#writer.flush();
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("error", this.#onError);
    socket.off("close", this.#onClose);
    socket.pause();
    this.#exchange = undefined;
    this.#sink = undefined;
    return {
      socket,
      transport: this.#options.transport,
      rest: this.#decoder.takeRest(),
      released: (errno) => {
        exchange.tunnelClosed();
        this.#closed(errno);
      },
    };
  }

  /** HTTP/1 cannot end an exchange alone. */
  cut(): void {
    this.#exchange = undefined;
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#options.transport.readBytes += chunk.length;
    if (this.#state === "closing") return;
    this.#decoder.push(chunk);
    this.#pump();
  };

  readonly #onEnd = (): void => {
    this.#isInputEnded = true;
    this.#pump();
  };

  readonly #onDrain = (): void => {
    this.#exchange?.upstream?.resume();
  };

  readonly #onError = (error: Error): void => {
    this.#errno = systemErrorCode(error) ?? "EPIPE";
  };

  readonly #onClose = (): void => {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#abortBody();
    exchange?.clientGone("client closed the connection");
    this.#closed(this.#errno);
  };

  /** Reads on as far as somebody takes what is read. Events of the layers only change state; this loop acts on it. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#canRead()) {
        const event = this.#decoder.next();
        if (event === Http1Event.more) break;
        this.#take(event);
      }
      // While somebody has to make room first, the decoder has not yet been asked whether the body is whole.
      if (this.#isInputEnded && !this.#decoder.hasRest && !this.#isBodyBlocked) this.#inputEnded();
    } catch (error) {
      this.#malformed(error);
    } finally {
      this.#isPumping = false;
    }
    this.#updateFlow();
  }

  #canRead(): boolean {
    if (this.#state === "idle") return true;
    return (
      this.#state === "active" && !this.#isRequestDone && this.#sink !== undefined && !this.#isBodyBlocked
    );
  }

  #take(event: Http1Event): void {
    switch (event) {
      case Http1Event.head:
        this.#open(this.#decoder.head as RequestHead);
        break;
      case Http1Event.data:
        this.#exchange!.live.countRequest(this.#decoder.data.length);
        if (!this.#sink!.data(this.#decoder.data)) this.#isBodyBlocked = true;
        break;
      case Http1Event.end: {
        this.#isRequestDone = true;
        this.#exchange?.requestEnded();
        const sink = this.#sink;
        this.#sink = undefined;
        sink?.end(this.#decoder.trailers);
        break;
      }
    }
  }

  #open(head: RequestHead): void {
    const exchange = this.#createExchange(head);
    this.#state = "active";
    this.#isRequestDone = false;
    this.#awaitsContinue = head.expectsContinue;
    this.#isBodyBlocked = false;
    if (head.body === "none") {
      // Takes the end that follows at once: a request without body is complete before any layer sees it.
      this.#decoder.next();
      this.#isRequestDone = true;
    }
    this.#options.handler.handle(exchange);
  }

  #createExchange(head: RequestHead): ServerExchange {
    const exchange = openExchange(head, this, this.#options);
    this.#exchange = exchange;
    return exchange;
  }

  /** The client has closed its half. What it asked for is still answered: it may well be reading. */
  #inputEnded(): void {
    if (this.#state === "upgraded" || this.#state === "closed") return;
    this.#keepAlive = false;
    if (this.#state === "closing") {
      this.#destroyWhenWritten();
    } else if (this.#exchange) {
      const { clock, transport } = this.#options;
      this.#exchange.mustClose = true;
      this.#isDraining = true;
      // Throws when the request's body is cut short.
      if (!this.#isRequestDone) this.#decoder.finish();
      else this.#halfClosed ??= new HalfClosedWatch(clock, transport, () => this.#socket.destroy());
    } else if (this.#decoder.isIdle) {
      this.#finish();
    } else {
      // A head that was cut short: nobody is left who would read an answer to it.
      this.#socket.destroy();
    }
  }

  /** Bytes that are no HTTP: answered once with the status that fits, then closed. Nothing after them can be trusted. */
  #malformed(error: unknown): void {
    let exchange = this.#exchange;
    if (!exchange) {
      exchange = this.#createExchange(new RequestHead());
      this.#state = "active";
      this.#isRequestDone = false;
    }
    exchange.mustClose = true;
    this.#abortBody();
    exchange.fail(error);
  }

  #abortBody(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.abort();
  }

  /** Ends our half once everything is written, and gives the client time to read it. */
  #finish(): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#state = "closing";
    this.#isBodyBlocked = false;
    const socket = this.#socket;
    // Only once everything was written does the client's time to read and close begin.
    socket.once("finish", () => {
      const timer = this.#options.clock.schedule(LINGER_MS, () => socket.destroy());
      socket.once("close", () => timer.cancel());
    });
    this.#writer.flush();
    socket.end();
    if (this.#isInputEnded) this.#destroyWhenWritten();
    socket.resume();
  }

  #destroyWhenWritten(): void {
    const socket = this.#socket;
    if (socket.writableFinished) socket.destroy();
    else socket.once("finish", () => socket.destroy());
  }

  #updateFlow(): void {
    if (this.#state === "upgraded" || this.#state === "closed") return;
    // While an exchange runs its client is still read, so that its going away is noticed; but not beyond one chunk.
    const hasUntaken = this.#state === "active" && this.#decoder.hasRest;
    if (hasUntaken || this.#isBodyBlocked) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #connectionValue(minor: number): string {
    if (!this.#keepAlive) return "close";
    return minor === 0 ? "keep-alive" : "";
  }

  #closed(errno: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#halfClosed?.cancel();
    this.#options.onClosed(errno);
  }
}

function needsLength({ status, fields }: ResponseHead, method: string): boolean {
  return (
    method !== "HEAD" && status >= 200 && status !== 204 && status !== 304 && !fields.has("content-length")
  );
}
