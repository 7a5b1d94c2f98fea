import type { ObserveRequest } from "../../api/gen/io/linkerd/proxy/tap_pb.js";
import { MeshError } from "../../base/error.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import type { Guest, ObserverSet } from "../../observe/observer-set.ts";
import { isHttp } from "../../observe/outcome.ts";
import { requestInit, responseEnd, responseInit, type TapEventInit } from "./tap-events.ts";
import { compileMatch, type TapPredicate } from "./tap-match.ts";

export interface ObserveOptions {
  readonly request: ObserveRequest;
  /** Number of the first request that matches; 0 where absent. */
  readonly firstStream?: bigint;
  /** Of this call, among all of the process. */
  readonly base: number;
  readonly exchanges: ObserverSet;
  /** Sends an event. False: the reader is behind, the event is lost. */
  readonly write: (event: TapEventInit) => boolean;
  /** All that was asked for has been seen. */
  readonly onDone: () => void;
}

/**
 * One call of `Observe`: the first `limit` requests that match from now on, each until it ends.
 *
 *     listening --limit-th match--> following --last of them ended--> done
 *          \------- stop (the client left) --------/
 *
 * An exchange is decided on when it opens: by then its endpoint (outbound) or its authorization (inbound) is known.
 *
 * @throws MeshError `TAP_BAD_MATCH`
 */
export class TapObservation implements Guest {
  readonly wantsHeaders: boolean;
  readonly #options: ObserveOptions;
  readonly #wants: TapPredicate;
  readonly #followed = new Map<LiveExchange, bigint>();
  readonly #leave: () => void;
  #left: number;
  #next: bigint;

  constructor(options: ObserveOptions) {
    const { request } = options;
    this.#options = options;
    this.#wants = checkRequest(request);
    this.#next = options.firstStream ?? 0n;
    this.#left = request.limit;
    this.wantsHeaders =
      request.extract?.extract.case === "http" && request.extract.extract.value.extract.case === "headers";
    this.#leave = options.exchanges.add(this);
  }

  opened(exchange: LiveExchange): void {
    if (this.#left === 0 || !isHttp(exchange.protocol) || !this.#wants(exchange)) return;
    this.#left--;
    const stream = this.#next++;
    this.#followed.set(exchange, stream);
    this.#options.write(requestInit(exchange, this.#id(stream), this.wantsHeaders));
  }

  responded(exchange: LiveExchange): void {
    const stream = this.#followed.get(exchange);
    if (stream === undefined) return;
    this.#options.write(responseInit(exchange, this.#id(stream), this.wantsHeaders));
  }

  closed(exchange: LiveExchange): void {
    const stream = this.#followed.get(exchange);
    if (stream === undefined) return;
    this.#followed.delete(exchange);
    this.#options.write(responseEnd(exchange, this.#id(stream), this.wantsHeaders));
    if (this.#left > 0 || this.#followed.size > 0) return;
    this.#leave();
    this.#options.onDone();
  }

  /** Nobody reads on. */
  stop(): void {
    this.#leave();
    this.#followed.clear();
  }

  #id(stream: bigint): { base: number; stream: bigint } {
    return { base: this.#options.base, stream };
  }
}

/** What a request matches. @throws MeshError `TAP_BAD_MATCH` */
export function checkRequest({ limit, match }: ObserveRequest): TapPredicate {
  if (limit > 0) return compileMatch(match);
  throw new MeshError({ kind: "user", code: "TAP_BAD_MATCH", message: "limit must be positive" });
}
