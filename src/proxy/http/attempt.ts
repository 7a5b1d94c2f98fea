import { MeshError, toMeshError } from "../../base/error.ts";
import type { LiveSet } from "../../net/live-set.ts";
import { encodeRequestHead } from "../../wire/http1-encode.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import { Splice } from "../tcp/splice.ts";
import type { BodySink } from "./body-sink.ts";
import type { HttpClientConnection, ResponseSink } from "./client-connection.ts";
import type { HttpOrigin } from "./origin.ts";
import type { ExchangeUpstream, ServerExchange } from "./server-exchange.ts";
import type { UpgradedStream } from "./upgraded-stream.ts";

export interface AttemptOptions {
  readonly exchange: ServerExchange;
  readonly origin: HttpOrigin;
  /** Request target for the next hop. */
  readonly target: string;
  /** Tunnels that grow out of exchanges live here. */
  readonly live: LiveSet;
  readonly observer: AttemptObserver;
}

/** Who cares how it goes: the balancer's side of an attempt. `finished` is the last call, exactly once. */
export interface AttemptObserver {
  connected(): void;
  /** Nothing of the request was sent. @returns true when the request goes elsewhere and must not fail here */
  connectFailed(error: MeshError): boolean;
  /**
   * The response's head is here. @returns set: the response is thrown away, and this is called once the attempt is over
   */
  retry?(head: ResponseHead): (() => void) | undefined;
  /** First body byte, or the end of a response without one. */
  responseStarted(): void;
  finished(): void;
}

/**
 * Sends one request to one server and streams the response back.
 *
 *     start -> (idle connection | dial) -> sent -> response head -> body -> end | tunnel
 *
 * A reused connection that closes before any byte of a response most likely was closed while the request travelled.
 * Such a request is sent once more on a fresh connection, if repeating it is harmless and it had no body to lose.
 */
export class Attempt implements ResponseSink, BodySink, ExchangeUpstream {
  readonly #options: AttemptOptions;
  readonly #exchange: ServerExchange;
  readonly #abortDial = new AbortController();
  #connection: HttpClientConnection | undefined;
  #isOver = false;
  #hasReplayed = false;
  #hasStarted = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#exchange = options.exchange;
  }

  start(): void {
    this.#exchange.upstream = this;
    const idle = this.#options.origin.take();
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

  abort(): void {
    if (this.#isOver) return;
    this.#abortDial.abort();
    this.#connection?.abort();
    this.#finish();
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
    const again = this.#options.observer.retry?.(head);
    if (again) {
      this.#started();
      this.#connection?.abort();
      this.#finish();
      again();
      return;
    }
    this.#exchange.sendHead(head);
  }

  responseData(view: Buffer): boolean {
    this.#started();
    return this.#exchange.sendData(view);
  }

  responseEnd(trailers: Fields | undefined): void {
    this.#started();
    this.#finish();
    this.#exchange.sendEnd(trailers);
  }

  responseUpgraded(server: UpgradedStream): void {
    this.#started();
    const { live } = this.#exchange;
    const client = this.#exchange.upgrade();
    const splice = new Splice(client, server, (result) => {
      this.#options.live.remove(splice);
      live.requestBytes += result.forwardBytes;
      live.responseBytes += result.backwardBytes;
      this.#finish();
      client.released(result.leftErrno);
      server.released(result.rightErrno);
    });
    this.#options.live.add(splice);
    splice.start();
  }

  responseFailed(error: MeshError): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection && this.#canReplay(connection, error)) {
      this.#hasReplayed = true;
      this.#dial();
    } else {
      this.#fail(error);
    }
  }

  #dial(): void {
    const { origin } = this.#options;
    origin.connect(this.#exchange.live, this.#abortDial.signal).then(
      (connection) => {
        if (this.#isOver) return connection.close();
        this.#options.observer.connected();
        this.#send(connection);
      },
      (caught: unknown) => {
        if (this.#isOver) return;
        const error = toMeshError(caught);
        if (this.#options.observer.connectFailed(error)) {
          this.#isOver = true;
          this.#exchange.upstream = undefined;
        } else {
          this.#fail(error);
        }
      },
    );
  }

  #send(connection: HttpClientConnection): void {
    const { request } = this.#exchange;
    this.#connection = connection;
    const isTunnelWanted = wantsUpgrade(this.#exchange);
    const isOneShot = request.minor === 0;
    const framing = request.body === "length" || request.body === "chunked" ? request.body : "none";
    connection.send({
      method: request.method,
      headText: encodeRequestHead(request, this.#options.target, {
        minor: request.minor,
        framing: framing === "chunked" ? "chunked" : "keep",
        connection: isTunnelWanted ? "upgrade" : isOneShot ? "close" : "",
        keepUpgrade: isTunnelWanted,
      }),
      framing,
      isOneShot,
      sink: this,
    });
    if (framing !== "none") this.#exchange.attachBody(this);
  }

  #canReplay(connection: HttpClientConnection, error: MeshError): boolean {
    return (
      error.code === "UPSTREAM_CLOSED" &&
      connection.wasReused &&
      !connection.hasResponse &&
      !this.#hasReplayed &&
      this.#exchange.request.body === "none" &&
      IDEMPOTENT_METHODS.has(this.#exchange.request.method)
    );
  }

  #started(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#options.observer.responseStarted();
  }

  #fail(error: MeshError): void {
    if (this.#isOver) return;
    this.#finish();
    this.#exchange.fail(error);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#exchange.upstream === this) this.#exchange.upstream = undefined;
    this.#options.observer.finished();
  }
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
function wantsUpgrade(exchange: ServerExchange): boolean {
  const { upgrade } = exchange.request;
  return upgrade !== "" && upgrade.toLowerCase() !== "h2c";
}
