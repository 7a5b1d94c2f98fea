import type { Duplex } from "node:stream";
import { MeshError, systemErrorCode, toMeshError } from "../../base/error.ts";
import type { LiveTransport } from "../../observe/live-exchange.ts";
import { Http1Decoder, Http1Event } from "../../wire/http1-decoder.ts";
import { CHUNK_TAIL, encodeChunkHead, encodeLastChunk, encodeRequestHead } from "../../wire/http1-encode.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import { BatchedWriter } from "./batched-writer.ts";
import { type ClientChannel, type ClientRequest, hasBody, type ResponseSink } from "./client-channel.ts";

export interface ClientConnectionOptions {
  readonly socket: Duplex;
  readonly transport: LiveTransport;
  /** Called once an exchange is over and the connection may carry another. */
  readonly onIdle: (connection: HttpClientConnection) => void;
  /** The socket is closed, or a tunnel on it is over. */
  readonly onClosed: (connection: HttpClientConnection, errno: string) => void;
}

/**
 * Speaks HTTP/1 to one server: one exchange at a time.
 *
 *     idle --send--> active --response and request complete, keep-alive--> idle
 *                      |--101 / CONNECT--> upgraded            otherwise --> closed
 *
 * A request on a reused connection may find it closed by the server: `wasReused` and `hasResponse` let the caller tell
 * that from a server that failed.
 */
export class HttpClientConnection implements ClientChannel {
  readonly #options: ClientConnectionOptions;
  readonly #socket: Duplex;
  readonly #writer: BatchedWriter;
  readonly #decoder = new Http1Decoder("response");
  #state: "idle" | "active" | "upgraded" | "closed" = "idle";
  #request: ClientRequest | undefined;
  #isRequestDone = false;
  #isChunked = false;
  /** Not to be used again (HTTP/1.0). */
  #isOneShot = false;
  #isResponseBlocked = false;
  #isInputEnded = false;
  #isPumping = false;
  #keepAlive = true;
  #errno = "";
  /** Whether this is not the first exchange here. */
  wasReused = false;
  /** Whether any byte of the current response has arrived. */
  hasResponse = false;
  /** Monotonic ms since when it has been idle; the pool's own. */
  idleSince = 0;

  constructor(options: ClientConnectionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#writer = new BatchedWriter(options.socket, options.transport);
    const { socket } = options;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    if (socket.isPaused()) socket.resume();
  }

  get transport(): LiveTransport {
    return this.#options.transport;
  }

  /** Whether a request can be sent: as far as we have heard, the server still listens. */
  get isUsable(): boolean {
    return this.#state === "idle" && !this.#socket.destroyed && this.#socket.writable && !this.#isInputEnded;
  }

  send(request: ClientRequest): void {
    this.#state = "active";
    this.#request = request;
    const { head } = request;
    this.#isRequestDone = !hasBody(head);
    this.#isChunked = head.body === "chunked";
    this.#isOneShot = head.minor === 0;
    this.#isResponseBlocked = false;
    this.hasResponse = false;
    this.#decoder.begin(head.method);
    this.#writer.text(
      encodeRequestHead(head, request.target, {
        minor: head.minor,
        framing: this.#isChunked ? "chunked" : "keep",
        connection: request.isTunnelWanted ? "upgrade" : this.#isOneShot ? "close" : "",
        keepUpgrade: request.isTunnelWanted,
      }),
    );
  }

  data(view: Buffer): boolean {
    if (this.#state !== "active") return true;
    if (!this.#isChunked) return this.#writer.bytes(view);
    if (view.length === 0) return true;
    this.#writer.text(encodeChunkHead(view.length));
    this.#writer.bytes(view);
    return this.#writer.text(CHUNK_TAIL);
  }

  end(trailers: Fields | undefined): void {
    if (this.#state !== "active" || this.#isRequestDone) return;
    if (this.#isChunked) this.#writer.text(encodeLastChunk(trailers));
    this.#isRequestDone = true;
  }

  /** The request's body broke off, or nobody wants the response: the server must not take half a request for a whole. */
  abort(): void {
    if (this.#state !== "active") return;
    this.#request = undefined;
    this.#socket.destroy();
  }

  /** The client has room again. */
  resume(): void {
    if (!this.#isResponseBlocked) return;
    this.#isResponseBlocked = false;
    this.#pump();
  }

  close(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#options.transport.readBytes += chunk.length;
    if (this.#state !== "active") {
      // Bytes that answer nothing: whoever reads them next would take them for a response.
      this.#socket.destroy();
      return;
    }
    this.hasResponse = true;
    this.#decoder.push(chunk);
    this.#pump();
  };

  readonly #onEnd = (): void => {
    this.#isInputEnded = true;
    if (this.#state === "active") this.#pump();
    else this.#socket.destroy();
  };

  readonly #onDrain = (): void => {
    this.#request?.sink.requestDrained();
  };

  readonly #onError = (error: Error): void => {
    this.#errno = systemErrorCode(error) ?? "EPIPE";
  };

  readonly #onClose = (): void => {
    const wasActive = this.#state === "active";
    this.#state = "closed";
    const request = this.#request;
    this.#request = undefined;
    if (wasActive && request) request.sink.responseFailed(this.#closedError());
    this.#options.onClosed(this, this.#errno);
  };

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#state === "active" && this.#request && !this.#isResponseBlocked) {
        const event = this.#decoder.next();
        if (event === Http1Event.more) {
          if (this.#isInputEnded) this.#finishInput();
          break;
        }
        this.#take(event, this.#request.sink);
      }
    } catch (error) {
      this.#malformed(error);
    } finally {
      this.#isPumping = false;
    }
    if (this.#isResponseBlocked) this.#socket.pause();
    else if (this.#state !== "upgraded" && this.#socket.isPaused()) this.#socket.resume();
  }

  #take(event: Http1Event, sink: ResponseSink): void {
    switch (event) {
      case Http1Event.head: {
        const head = this.#decoder.head as ResponseHead;
        if (head.status < 200 && head.status !== 101) {
          sink.responseInterim(head);
        } else {
          this.#keepAlive = head.keepAlive && !this.#isOneShot;
          sink.responseHead(head);
        }
        break;
      }
      case Http1Event.data:
        if (!sink.responseData(this.#decoder.data)) this.#isResponseBlocked = true;
        break;
      case Http1Event.end:
        this.#complete(sink);
        break;
      case Http1Event.tunnel:
        this.#upgrade(sink);
        break;
    }
  }

  #complete(sink: ResponseSink): void {
    const { trailers } = this.#decoder;
    this.#request = undefined;
    // A response that overtakes its request's body leaves the connection in the middle of that body.
    const isReusable =
      this.#keepAlive && this.#isRequestDone && !this.#decoder.hasRest && !this.#isInputEnded;
    if (isReusable) {
      this.#state = "idle";
      this.wasReused = true;
      this.#options.onIdle(this);
    } else {
      this.#socket.destroy();
    }
    sink.responseEnd(trailers);
  }

  #upgrade(sink: ResponseSink): void {
    const socket = this.#socket;
    this.#state = "upgraded";
    this.#request = undefined;
    this.#writer.flush();
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("error", this.#onError);
    socket.off("close", this.#onClose);
    socket.pause();
    sink.responseUpgraded({
      socket,
      transport: this.#options.transport,
      rest: this.#decoder.takeRest(),
      released: (errno) => this.#options.onClosed(this, errno),
    });
  }

  /** The server has closed its half: the end of a body without length, or a response cut short. */
  #finishInput(): void {
    const request = this.#request!;
    if (this.#decoder.finish() === Http1Event.end) this.#complete(request.sink);
    else this.#socket.destroy();
  }

  #closedError(): MeshError {
    const when = this.hasResponse ? "within" : "before";
    const how = this.#errno === "" ? "" : ` (${this.#errno})`;
    return new MeshError({
      kind: "environment",
      code: "UPSTREAM_CLOSED",
      message: `server closed the connection ${when} its response${how}`,
    });
  }

  #malformed(caught: unknown): void {
    const request = this.#request;
    this.#request = undefined;
    this.#socket.destroy();
    const error = toMeshError(caught);
    if (error.code === "HTTP_TRUNCATED") {
      request?.sink.responseFailed(this.#closedError());
      return;
    }
    request?.sink.responseFailed(
      new MeshError({
        kind: "environment",
        code: "UPSTREAM_MALFORMED",
        message: `server's response is malformed: ${error.message}`,
        cause: error,
      }),
    );
  }
}
