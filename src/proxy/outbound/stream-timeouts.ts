import type { Clock, Timer } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { OutboundRule } from "../../policy/outbound.ts";
import type { BodySink } from "../http/body-sink.ts";
import { hasBody } from "../http/client-channel.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/**
 * Ends an exchange that takes longer than its route allows: before the response's head with 504, afterwards by cutting it.
 *
 * | limit | from | to |
 * |---|---|---|
 * | request | the request's arrival | the end of the response, retries included |
 * | response | the end of the request's body, or the response's head if that is earlier | the end of the response |
 * | idle | any part of either body, or the response's head | the next |
 * | head | the request's arrival | the response's head, retries included (ServiceProfiles) |
 *
 * An attempt after the first begins the times of response and idleness anew.
 *
 * Tunnels have only those from the request's arrival.
 *
 * @see reference: proxy section 10 (Timeouts)
 */
export function limitTimes(exchange: ServerExchange, timeouts: OutboundRule["timeouts"], clock: Clock): void {
  const { requestMs, responseMs, idleMs, headMs } = timeouts;
  if (requestMs !== undefined) {
    const timer = clock.schedule(requestMs, () => exchange.fail(timedOut("request", requestMs)));
    exchange.onDone.push(() => timer.cancel());
  }
  if (headMs !== undefined) {
    const timer = clock.schedule(headMs, () => {
      if (exchange.state === "waiting") exchange.fail(profileTimedOut(headMs));
    });
    exchange.onDone.push(() => timer.cancel());
  }
  const { request } = exchange;
  if (request.upgrade !== "" || request.form === "authority") return;
  if (responseMs === undefined && idleMs === undefined) return;
  const limits = new StreamLimits(exchange, responseMs, idleMs, clock);
  exchange.onProgress = () => limits.responded();
  exchange.onAttempt = () => limits.restart();
  exchange.onDone.push(() => limits.stop());
  if (hasBody(request)) exchange.bodyTaps.push(limits);
  else limits.end();
}

/** Sees the request's body pass, and hears of the response. */
class StreamLimits implements BodySink {
  readonly #exchange: ServerExchange;
  readonly #responseMs: number | undefined;
  readonly #clock: Clock;
  #response: Timer | undefined;
  #idle: Timer | undefined;
  #activeAt: number;
  #isRequestDone = false;

  constructor(
    exchange: ServerExchange,
    responseMs: number | undefined,
    idleMs: number | undefined,
    clock: Clock,
  ) {
    this.#exchange = exchange;
    this.#responseMs = responseMs;
    this.#clock = clock;
    this.#activeAt = clock.monotonic();
    if (idleMs !== undefined) this.#watchIdle(idleMs, idleMs);
  }

  data(): boolean {
    this.#activeAt = this.#clock.monotonic();
    return true;
  }

  /** The request is sent. */
  end(): void {
    this.#isRequestDone = true;
    this.#limitResponse();
  }

  /** Another attempt sends the request. */
  restart(): void {
    this.#response?.cancel();
    this.#response = undefined;
    if (this.#isRequestDone) this.#limitResponse();
    else this.#activeAt = this.#clock.monotonic();
  }

  #limitResponse(): void {
    this.#activeAt = this.#clock.monotonic();
    const responseMs = this.#responseMs;
    if (responseMs === undefined) return;
    this.#response ??= this.#clock.schedule(responseMs, () =>
      this.#exchange.fail(timedOut("response", responseMs)),
    );
  }

  abort(): void {}

  /** A part of the response has come. */
  responded(): void {
    this.#limitResponse();
  }

  stop(): void {
    this.#response?.cancel();
    this.#idle?.cancel();
  }

  /** One timer, set anew when it fires early: that is cheaper than at each part. */
  #watchIdle(idleMs: number, delayMs: number): void {
    this.#idle = this.#clock.schedule(delayMs, () => {
      const leftMs = this.#activeAt + idleMs - this.#clock.monotonic();
      if (leftMs > 0) this.#watchIdle(idleMs, leftMs);
      else this.#exchange.fail(timedOut("idle", idleMs));
    });
  }
}

/** Metrics tell them apart. */
const TIMEOUT_CODES = {
  request: "REQUEST_TIMEOUT",
  response: "RESPONSE_STREAM_TIMEOUT",
  idle: "IDLE_TIMEOUT",
} as const;

function timedOut(what: "request" | "response" | "idle", timeoutMs: number): MeshError {
  return new MeshError({
    kind: "environment",
    code: TIMEOUT_CODES[what],
    message: `request took longer than its route allows (${what} timeout ${timeoutMs} ms)`,
  });
}

function profileTimedOut(timeoutMs: number): MeshError {
  return new MeshError({
    kind: "environment",
    code: "PROFILE_TIMEOUT",
    message: `no response within the time that the route of the ServiceProfile allows (${timeoutMs} ms)`,
  });
}
