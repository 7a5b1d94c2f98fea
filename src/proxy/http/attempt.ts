import { MeshError, toMeshError } from "../../base/error.ts";
import type { LiveSet } from "../../net/live-set.ts";
import type { H2Code } from "../../wire/h2-protocol.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import { Splice } from "../tcp/splice.ts";
import type { BodySink } from "./body-sink.ts";
import { type ClientChannel, type HttpVersion, hasBody, type ResponseSink } from "./client-channel.ts";
import type { HttpOrigin } from "./origin.ts";
import { PeekedResponse, type PeekTarget } from "./peeked-response.ts";
import type { ExchangeUpstream, ServerExchange } from "./server-exchange.ts";
import type { UpgradedStream } from "./upgraded-stream.ts";

export interface AttemptOptions {
  readonly exchange: ServerExchange;
  readonly origin: HttpOrigin;
  /** What the server is spoken to in. Requests that want a tunnel go by HTTP/1 in any case. */
  readonly version: HttpVersion;
  /** Request target for the next hop. */
  readonly target: string;
  /** Tunnels that grow out of exchanges live here. */
  readonly live: LiveSet;
  readonly observer: AttemptObserver;
  /** The first part of the response is held until it is known whether trailers follow at once (gRPC). Default false. */
  readonly isPeeked?: boolean;
}

/** `failed`: by the server, or by its taking too long. `abandoned`: nobody waits for it any more, which says nothing of the server. */
export type AttemptEnd = "complete" | "failed" | "abandoned";

/** Who cares how it goes: the balancer's side of an attempt. `finished` is the last call, exactly once, unless `connectFailed` was. */
export interface AttemptObserver {
  connected(): void;
  /** Nothing of the request was sent. @returns true when the request goes elsewhere and must not fail here */
  connectFailed(error: MeshError): boolean;
  /**
   * The response's head is here; of one that is peeked at, perhaps again with its trailers.
   *
   * @returns set: the response is thrown away, and this is called once the attempt is over
   */
  responded?(head: ResponseHead, trailers: Fields | undefined): (() => void) | undefined;
  /**
   * Nothing of a response has come, and none will.
   *
   * @param isUnprocessed the server has done nothing with the request
   * @returns set: it does not fail here, and this is called once the attempt is over
   */
  lost?(error: MeshError, isUnprocessed: boolean): (() => void) | undefined;
  /** First body byte, or the end of a response without one. */
  responseStarted(isOver: boolean): void;
  finished(end: AttemptEnd, trailers: Fields | undefined): void;
}

/**
 * Sends one request to one server and streams the response back.
 *
 *     start -> (idle connection | dial) -> sent -> response head -> body -> end | tunnel
 *
 * A reused connection that closes before any byte of a response most likely was closed while the request travelled.
 * Such a request is sent once more, on another connection, if repeating it is harmless and it had no body to lose.
 */
export class Attempt implements ResponseSink, BodySink, ExchangeUpstream, PeekTarget {
  readonly #options: AttemptOptions;
  readonly #exchange: ServerExchange;
  /** Of the dial that runs: most requests find a connection. */
  #dialling: AbortController | undefined;
  readonly #version: HttpVersion;
  #connection: ClientChannel | undefined;
  #isOver = false;
  #hasReplayed = false;
  #hasStarted = false;
  #tookBody = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#exchange = options.exchange;
    this.#version = options.version;
  }

  start(): void {
    this.#exchange.upstream = this;
    const idle = this.#options.origin.take(this.#version);
    if (idle) this.#send(idle);
    else this.#dial();
  }

  // From the client's side.

  data(view: Buffer): boolean {
    return this.#connection?.data(view) ?? true;
  }

  end(trailers: Fields | undefined): void {
    this.#connection?.end(trailers);
  }

  resume(): void {
    this.#connection?.resume();
  }

  abort(cause?: unknown): void {
    if (this.#isOver) return;
    this.#dialling?.abort();
    this.#connection?.abort();
    this.#finish(isTimeout(cause) ? "failed" : "abandoned");
  }

  // From the server's side.

  requestDrained(): void {
    this.#exchange.resumeBody();
  }

  responseInterim(head: ResponseHead): void {
    this.#exchange.sendInterim(head);
  }

  responseHead(head: ResponseHead): void {
    if (head.status === 101 && !wantsUpgrade(this.#exchange)) {
      this.#connection?.abort();
      this.#fail(
        new MeshError({
          kind: "environment",
          code: "UPSTREAM_MALFORMED",
          message: "server switched protocols although the request asked for none",
        }),
      );
      return;
    }
    if (!this.discards(head, undefined)) this.forwardHead(head);
  }

  /** Whether the response is thrown away for another attempt. */
  discards(head: ResponseHead, trailers: Fields | undefined): boolean {
    const again = this.#options.observer.responded?.(head, trailers);
    if (!again) return false;
    this.#started(true);
    this.#connection?.abort();
    this.#finish("complete", trailers);
    again();
    return true;
  }

  forwardHead(head: ResponseHead): void {
    if (!this.#isOver) this.#exchange.sendHead(head);
  }

  responseData(view: Buffer): boolean {
    this.#started(false);
    return this.#exchange.sendData(view);
  }

  responseEnd(trailers: Fields | undefined): void {
    this.#started(true);
    this.#finish("complete", trailers);
    this.#exchange.sendEnd(trailers);
  }

  responseUpgraded(server: UpgradedStream): void {
    this.#started(false);
    const { live } = this.#exchange;
    const client = this.#exchange.upgrade();
    const splice = new Splice(client, server, (result) => {
      this.#options.live.remove(splice);
      live.requestBytes += result.forwardBytes;
      live.responseBytes += result.backwardBytes;
      this.#finish("complete");
      client.released(result.leftErrno);
      server.released(result.rightErrno);
    });
    this.#options.live.add(splice);
    splice.start();
  }

  /**
   * An HTTP/1 connection that was used before has most likely met its idle timeout: the same server takes the request on another one.
   * One of HTTP/2 is lost with its server: where the route has retries they find another.
   */
  responseFailed(error: MeshError): void {
    const connection = this.#connection;
    this.#connection = undefined;
    const canReplay = connection !== undefined && this.#canReplay(connection, error);
    if (canReplay && this.#version === "http/1") this.#replay();
    else if (this.#isLost(connection, error, false)) return;
    else if (canReplay) this.#replay();
    else this.#fail(error);
  }

  /** RFC 9113 section 8.7: a server that refuses has done nothing, so any method may be repeated. */
  responseReset(code: H2Code, message: string, isRefused: boolean): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#isOver) return;
    if (isRefused && connection && !connection.hasResponse) {
      if (this.#isLost(connection, refused(message), true)) return;
      if (this.#isRepeatable) {
        this.#replay();
        return;
      }
    }
    this.#finish("failed");
    this.#exchange.resetByServer(code, message);
  }

  #replay(): void {
    this.#hasReplayed = true;
    this.#dial();
  }

  #dial(): void {
    const { origin } = this.#options;
    const dialling = new AbortController();
    this.#dialling = dialling;
    origin.connect(this.#version, this.#exchange.live, dialling.signal).then(
      (connection) => {
        this.#dialling = undefined;
        if (this.#isOver) return connection.close();
        this.#options.observer.connected();
        this.#send(connection);
      },
      (caught: unknown) => {
        this.#dialling = undefined;
        if (this.#isOver) return;
        const error = toMeshError(caught);
        // Where it goes elsewhere the exchange has another upstream by then.
        if (this.#options.observer.connectFailed(error)) this.#isOver = true;
        else this.#fail(error);
      },
    );
  }

  #send(connection: ClientChannel): void {
    const { request } = this.#exchange;
    this.#connection = connection;
    this.#exchange.onSend?.(this.#exchange);
    connection.send({
      head: request,
      target: this.#options.target,
      isTunnelWanted: this.#version === "http/1" && wantsUpgrade(this.#exchange),
      sink: this.#options.isPeeked ? new PeekedResponse(this) : this,
    });
    // A connection that went away in that moment has not seen the request.
    if (!hasBody(request) || this.#connection !== connection) return;
    this.#tookBody = true;
    this.#exchange.attachBody(this);
  }

  /** Whether the request goes elsewhere, now that this server will not answer. */
  #isLost(connection: ClientChannel | undefined, error: MeshError, isUnprocessed: boolean): boolean {
    if (!connection || connection.hasResponse || this.#isOver) return false;
    const again = this.#options.observer.lost?.(error, isUnprocessed);
    if (!again) return false;
    this.#finish("failed");
    again();
    return true;
  }

  #canReplay(connection: ClientChannel, error: MeshError): boolean {
    return (
      error.code === "UPSTREAM_CLOSED" &&
      connection.wasReused &&
      !connection.hasResponse &&
      this.#isRepeatable &&
      IDEMPOTENT_METHODS.has(this.#exchange.request.method)
    );
  }

  /** Once, and only while all of the body, if there is one, can be sent again. */
  get #isRepeatable(): boolean {
    if (this.#hasReplayed) return false;
    return !this.#tookBody || this.#exchange.bodyBuffer?.isReplayable === true;
  }

  #started(isOver: boolean): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#options.observer.responseStarted(isOver);
  }

  #fail(error: MeshError): void {
    if (this.#isOver) return;
    this.#finish("failed");
    this.#exchange.fail(error);
  }

  #finish(end: AttemptEnd, trailers?: Fields): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#exchange.upstream === this) this.#exchange.upstream = undefined;
    this.#options.observer.finished(end, trailers);
  }
}

const TIMEOUTS: ReadonlySet<string> = new Set([
  "REQUEST_TIMEOUT",
  "RESPONSE_STREAM_TIMEOUT",
  "IDLE_TIMEOUT",
  "PROFILE_TIMEOUT",
]);

function isTimeout(cause: unknown): boolean {
  return cause instanceof MeshError && TIMEOUTS.has(cause.code);
}

function refused(message: string): MeshError {
  return new MeshError({ kind: "environment", code: "UPSTREAM_RESET", message: `server: ${message}` });
}

/** RFC 9110 section 9.2.2. */
export const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

/** `Upgrade: h2c` is not honoured: it would take the rest of the connection out of sight. */
export function wantsUpgrade(exchange: ServerExchange): boolean {
  const { upgrade } = exchange.request;
  return upgrade !== "" && upgrade.toLowerCase() !== "h2c";
}
