import { LiveExchange } from "../../observe/live-exchange.ts";
import type { RequestMirror } from "../../policy/outbound.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import { RequestHead } from "../../wire/http1-head.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import type { BodySink } from "../http/body-sink.ts";
import { type ExchangeConnection, ServerExchange } from "../http/server-exchange.ts";
import type { Backends } from "./backends.ts";
import type { BalancerHandler } from "./http-layers.ts";

/** Copies under way; more are not begun: the requests themselves come first. */
const MIRRORS_MAX = 100;
/** Bytes of a body that wait for the mirror's server; with more, it is too slow and the copy is dropped. */
const WAITING_BYTES_MAX = 64 * 1024;
/** Nobody waits for a mirror's answer, and it waits for nobody longer than this. */
const MIRROR_TIMEOUT_MS = 15_000;

/** Sends copies of a request. */
export type MirrorRequests = (exchange: ServerExchange, mirrors: readonly RequestMirror[]) => void;

/**
 * Sends a copy of a request, as it is after its filters, to each backend that is drawn, and forgets the answers. A copy never holds the
 * request up, and leaves no record on this side: it is not the application's request.
 *
 *   request body -> tee -> server
 *                     \--> waiting bytes (64 KiB at most) -> mirror
 */
export function createMirrors(
  next: BalancerHandler,
  backends: Backends,
  { clock, random, recorder }: ProxyDependencies,
): MirrorRequests {
  let underWay = 0;
  const start = (exchange: ServerExchange, mirror: RequestMirror): void => {
    const balancer = backends.http(mirror.backend);
    if (!balancer || underWay >= MIRRORS_MAX) return;
    underWay++;
    const connection = new MirrorConnection(() => copy.clientGone("the mirror is too slow"));
    const copy = new ServerExchange({
      request: copyOf(exchange.request),
      live: liveOf(exchange.live),
      recorder,
      connection,
      rescue: (failed) => failed.clientGone("the mirror failed"),
    });
    copy.suppressRecord();
    copy.rewrittenTarget = exchange.rewrittenTarget;
    const timer = clock.schedule(MIRROR_TIMEOUT_MS, () => copy.clientGone("the mirror is too slow"));
    copy.onDone.push(() => {
      underWay--;
      timer.cancel();
      connection.close();
    });
    if (copy.request.body !== "none") {
      exchange.bodyTaps.push(connection);
      // A request that ended without its whole body has nothing to copy.
      exchange.onDone.push(() => {
        if (!connection.isComplete) copy.clientGone("the request is over");
      });
    }
    next.handle(copy, balancer);
  };
  return (exchange, mirrors) => {
    const { request } = exchange;
    // What may become a tunnel has no answer that could be forgotten.
    if (request.upgrade !== "" || request.form === "authority") return;
    for (const mirror of mirrors) if (random() < mirror.ratio) start(exchange, mirror);
  };
}

/** Stands where a client's connection is: gives the body that the tee brings, and swallows the response. */
class MirrorConnection implements ExchangeConnection, BodySink {
  readonly #onOverflow: () => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #sink: BodySink | undefined;
  #isPaused = false;
  #ended: { readonly trailers: Fields | undefined } | undefined;
  #isOver = false;

  constructor(onOverflow: () => void) {
    this.#onOverflow = onOverflow;
  }

  /** Whether the whole body has come. */
  get isComplete(): boolean {
    return this.#ended !== undefined;
  }

  close(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#sink = undefined;
  }

  // From the tee.

  data(view: Buffer): boolean {
    if (this.#isOver) return true;
    // The view is valid during this call only.
    this.#waiting.push(Buffer.from(view));
    this.#waitingBytes += view.length;
    this.#pump();
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#onOverflow();
    return true;
  }

  end(trailers: Fields | undefined): void {
    this.#ended = { trailers };
    this.#pump();
  }

  abort(): void {
    this.#sink?.abort();
  }

  // From the exchange.

  attachBody(_exchange: ServerExchange, sink: BodySink): void {
    this.#sink = sink;
    this.#pump();
  }

  resumeBody(): void {
    this.#isPaused = false;
    this.#pump();
  }

  sendInterim(): void {}

  sendHead(): void {}

  sendData(): boolean {
    return true;
  }

  sendEnd(): void {}

  upgrade(): never {
    throw new Error("a copy of a request became a tunnel");
  }

  cut(): void {}

  #pump(): void {
    const sink = this.#sink;
    if (!sink) return;
    while (!this.#isPaused && this.#waiting.length > 0) {
      const view = this.#waiting.shift()!;
      this.#waitingBytes -= view.length;
      this.#isPaused = !sink.data(view);
    }
    if (!this.#ended || this.#waiting.length > 0) return;
    this.#sink = undefined;
    sink.end(this.#ended.trailers);
  }
}

function copyOf(request: RequestHead): RequestHead {
  const copy = new RequestHead();
  const { fields, ...rest } = request;
  Object.assign(copy, rest);
  copy.fields.replaceAll(fields.entries());
  return copy;
}

function liveOf({
  protocol,
  method,
  authority,
  path,
  client,
  target,
  openedAtMs,
  opened,
}: LiveExchange): LiveExchange {
  const live = new LiveExchange("outbound", protocol);
  return Object.assign(live, { method, authority, path, client, target, openedAtMs, opened, attempts: 1 });
}
