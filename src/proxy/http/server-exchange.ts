import { MeshError } from "../../base/error.ts";
import type { LiveExchange, Recorder } from "../../observe/live-exchange.ts";
import type { RequestView } from "../../policy/match-request.ts";
import { H2Code, h2CodeName } from "../../wire/h2-protocol.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { RequestHead, ResponseHead } from "../../wire/http1-head.ts";
import type { BodySink } from "./body-sink.ts";
import { BodyTee } from "./body-tee.ts";
import type { RequestBuffer } from "./request-buffer.ts";
import type { UpgradedStream } from "./upgraded-stream.ts";

/** What an exchange needs of the connection that it came on. */
export interface ExchangeConnection {
  /** Starts to deliver the request's body. */
  attachBody(exchange: ServerExchange, sink: BodySink): void;
  resumeBody(exchange: ServerExchange): void;
  sendInterim(exchange: ServerExchange, head: ResponseHead): void;
  sendHead(exchange: ServerExchange, head: ResponseHead): void;
  sendData(exchange: ServerExchange, view: Buffer): boolean;
  sendEnd(exchange: ServerExchange, trailers: Fields | undefined): void;
  /** Takes the client's socket out of HTTP after the head of a 101 (or 2xx to CONNECT) was sent. */
  upgrade(exchange: ServerExchange): UpgradedStream;
  /**
   * The response cannot be completed. HTTP/1 breaks the connection, HTTP/2 resets the stream.
   *
   * @param code of HTTP/2
   */
  cut(exchange: ServerExchange, code: H2Code): void;
}

/** The other half of an exchange, once it has one. */
export interface ExchangeUpstream {
  /** The client has room again for the response's body. */
  resume(): void;
  /** The client is gone, or the exchange has failed: nobody wants the response. @param cause of the failure; undefined: the client left */
  abort(cause?: unknown): void;
}

/** Answers causes instead of the application: the rescue layer. Also ends a gRPC response that has begun, by its trailers. */
export type Rescue = (exchange: ServerExchange, cause: unknown) => void;

export interface ServerExchangeOptions {
  readonly request: RequestHead;
  readonly live: LiveExchange;
  readonly recorder: Recorder;
  readonly connection: ExchangeConnection;
  readonly rescue: Rescue;
}

/**
 * One request and its response, seen from the side that received the request.
 *
 *     waiting --sendHead--> responding --sendEnd--> done
 *        |  \--fail--> (rescue answers) --^           ^
 *        \---------------- abort / client gone -------+
 *
 * Layers get it in turn (`handle`), change the request or answer; the last one joins it with an upstream.
 */
export class ServerExchange {
  readonly request: RequestHead;
  readonly live: LiveExchange;
  /** Keeps the request's body for other attempts. */
  bodyBuffer: RequestBuffer | undefined = undefined;
  /** Monotonic ms at which the client, or the route, gives up; -1: neither says. */
  deadlineAt = -1;
  /** Called each time before the request is sent on: its head is as it will be then. */
  onSend: ((exchange: ServerExchange) => void) | undefined = undefined;
  /** Told when another attempt begins. */
  onAttempt: (() => void) | undefined = undefined;
  /** Told of the response's head and of each part of its body. */
  onProgress: (() => void) | undefined = undefined;
  /** Whether the connection must not go on after this exchange. */
  mustClose = false;
  /** Where a filter sends the request instead of to its own target (origin form). */
  rewrittenTarget: string | undefined = undefined;
  upstream: ExchangeUpstream | undefined = undefined;
  state: "waiting" | "responding" | "done" = "waiting";
  readonly #recorder: Recorder;
  readonly #connection: ExchangeConnection;
  readonly #rescue: Rescue;
  #isBufferAttached = false;
  #isRecorded = false;
  #isSuppressed = false;
  #view: RequestView | undefined;
  // Lists that few exchanges need are made when somebody asks for them.
  #responseEdits: ((head: ResponseHead) => void)[] | undefined;
  #onDone: (() => void)[] | undefined;
  #bodyTaps: BodySink[] | undefined;

  constructor(options: ServerExchangeOptions) {
    this.request = options.request;
    this.live = options.live;
    this.#recorder = options.recorder;
    this.#connection = options.connection;
    this.#rescue = options.rescue;
  }

  /** Changes to the response head, run in order just before it is sent. */
  get responseEdits(): ((head: ResponseHead) => void)[] {
    return (this.#responseEdits ??= []);
  }

  /** As a push to `responseEdits`, for the first edit, which most exchanges have. */
  editResponse(edit: (head: ResponseHead) => void): void {
    if (this.#responseEdits === undefined) this.#responseEdits = [edit];
    else this.#responseEdits.push(edit);
  }

  /** Called once, when the exchange is over, however it ended. */
  get onDone(): (() => void)[] {
    return (this.#onDone ??= []);
  }

  /** Get copies of the request's body as it passes. */
  get bodyTaps(): BodySink[] {
    return (this.#bodyTaps ??= []);
  }

  /** The request as routes see it. */
  get view(): RequestView {
    this.#view ??= createRequestView(this.request, this.live.authority);
    return this.#view;
  }

  /** Says that the exchange has opened, with what is known by now. Only the first call counts. */
  record(): void {
    if (this.#isRecorded || this.#isSuppressed) return;
    this.#isRecorded = true;
    if (this.#recorder.wantsHeaders) this.live.requestHeaders = this.request.fields.entries();
    this.#recorder.opened(this.live);
  }

  /** Leaves no record: what happens inside the tunnel that this exchange opens is recorded itself. */
  suppressRecord(): void {
    this.#isSuppressed = true;
  }

  attachBody(sink: BodySink): void {
    const buffer = this.bodyBuffer;
    if (!buffer) {
      this.#takeBody(sink);
      return;
    }
    buffer.attach(sink);
    if (this.#isBufferAttached) return;
    this.#isBufferAttached = true;
    this.#takeBody(buffer);
  }

  /** Reads on from the client, after a body's taker said no. */
  resumeClient(): void {
    this.#connection.resumeBody(this);
  }

  /** The last byte of the request's body has come. Not called for requests without one. */
  requestEnded(): void {
    if (this.state !== "done") this.#recorder.requestEnded(this.live);
  }

  /** The upstream has room again for the request's body. */
  resumeBody(): void {
    if (this.bodyBuffer) this.bodyBuffer.resume();
    else this.#connection.resumeBody(this);
  }

  /** Forwards 100 Continue, 103 Early Hints and the like. */
  sendInterim(head: ResponseHead): void {
    if (this.state === "waiting" && this.request.minor === 1) this.#connection.sendInterim(this, head);
  }

  sendHead(head: ResponseHead): void {
    if (this.state !== "waiting") return;
    if (this.#responseEdits !== undefined) for (const edit of this.#responseEdits) edit(head);
    this.state = "responding";
    this.onProgress?.();
    this.record();
    this.live.status = head.status;
    this.#readGrpcStatus(head.fields);
    if (this.#recorder.wantsHeaders) this.live.responseHeaders = head.fields.entries();
    this.#connection.sendHead(this, head);
    if (!this.#isSuppressed) this.#recorder.responded(this.live);
  }

  /** @returns false: stop until `upstream.resume` */
  sendData(view: Buffer): boolean {
    if (this.state !== "responding") return true;
    this.live.countResponse(view.length);
    this.onProgress?.();
    return this.#connection.sendData(this, view);
  }

  sendEnd(trailers: Fields | undefined): void {
    if (this.state !== "responding") return;
    if (trailers) {
      this.#readGrpcStatus(trailers);
      if (this.#recorder.wantsHeaders) this.live.responseTrailers = trailers.entries();
    }
    this.#close();
    this.#connection.sendEnd(this, trailers);
  }

  upgrade(): UpgradedStream {
    return this.#connection.upgrade(this);
  }

  /** The exchange cannot go on. Before the response's head the rescue layer answers, afterwards the connection is cut. */
  fail(cause: unknown): void {
    if (this.state === "done") return;
    const { upstream } = this;
    this.upstream = undefined;
    upstream?.abort(cause);
    if (cause instanceof MeshError) this.live.errorCode = cause.code;
    if (this.state === "waiting" || this.live.protocol === "grpc") this.#rescue(this, cause);
    else this.abort(cause instanceof Error ? cause.message : String(cause));
  }

  /** The server reset the stream of this exchange. A client of HTTP/2 hears just that, one of HTTP/1 gets an answer. */
  resetByServer(code: H2Code, message: string): void {
    if (this.state === "done") return;
    this.upstream = undefined;
    if (this.request.isHttp2) {
      this.live.errorCode = `H2_${h2CodeName(code)}`;
      this.abort(message, code);
    } else {
      this.fail(
        new MeshError({ kind: "environment", code: "UPSTREAM_RESET", message: `server: ${message}` }),
      );
    }
  }

  /** Cuts the exchange. @param error short reason for the record */
  abort(error: string, code: H2Code = H2Code.internalError): void {
    if (this.state === "done") return;
    if (this.live.error === "") this.live.error = error;
    this.#close();
    this.#connection.cut(this, code);
  }

  /** The client's connection is gone. */
  clientGone(error: string): void {
    if (this.state === "done") return;
    if (this.live.error === "") {
      this.live.error = error;
      this.live.errorCode = "CLIENT_GONE";
    }
    const { upstream } = this;
    this.upstream = undefined;
    this.#close();
    upstream?.abort();
  }

  /** A tunnel that this exchange became has ended. */
  tunnelClosed(): void {
    this.#close();
  }

  #takeBody(sink: BodySink): void {
    const taps = this.#bodyTaps;
    this.#connection.attachBody(this, taps === undefined ? sink : new BodyTee(sink, taps));
  }

  #readGrpcStatus(fields: Fields): void {
    if (this.live.protocol !== "grpc") return;
    const status = fields.get("grpc-status");
    // What is no number is UNKNOWN.
    if (status !== undefined) this.live.grpcStatus = /^\d{1,3}$/.test(status) ? Number(status) : 2;
  }

  #close(): void {
    if (this.state === "done") return;
    this.state = "done";
    this.record();
    if (!this.#isSuppressed) this.#recorder.closed(this.live);
    if (this.#onDone !== undefined) for (const callback of this.#onDone) callback();
  }
}

/** Origin form of a request target: what routes match and applications expect. */
export function originTarget(request: RequestHead): string {
  if (request.form !== "absolute") return request.target;
  const start = request.target.indexOf("/", request.target.indexOf("//") + 2);
  const query = request.target.indexOf("?");
  if (start < 0 || (query >= 0 && query < start)) {
    return query < 0 ? "/" : `/${request.target.slice(query)}`;
  }
  return request.target.slice(start);
}

/** Authority of a request: of an absolute or authority target, else its Host; "" when there is none. */
export function authorityOf(request: RequestHead): string {
  if (request.form === "authority") return request.target;
  if (request.form === "absolute") {
    const match = /^[a-z]+:\/\/([^/?]+)/i.exec(request.target);
    if (match) return match[1]!;
  }
  return request.fields.get("host") ?? "";
}

function createRequestView(request: RequestHead, authority: string): RequestView {
  return {
    method: request.method,
    target: originTarget(request),
    authority,
    headerValues: (name) => request.fields.all(name),
  };
}
