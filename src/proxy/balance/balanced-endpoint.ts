import type { Backoff } from "../../base/backoff.ts";
import type { Timer } from "../../base/clock.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import type { Breaker } from "./breaker.ts";
import type { PeakEwma } from "./peak-ewma.ts";

/**
 *     ready --connectFailed--> out --(back-off)--> trial --acquire--> trying --connected--> ready
 *       |                       ^                                        \--connectFailed--> out
 *       |
 *       \--too many failures--> ejected --(pause)--> probation --acquire--> probing --well--> ready
 *                                  ^                                           \--failed--> ejected
 *
 * An ejection outranks what is known of connections: the probe finds out about both. A trial or probe that is given up goes back to
 * `trial` or `probation`. `gone`: it has left discovery.
 */
export type EndpointState =
  | "ready"
  | "out"
  | "trial"
  | "trying"
  | "ejected"
  | "probation"
  | "probing"
  | "gone";

/** One endpoint of a balancer: what is known of it. */
export class BalancedEndpoint<T> {
  readonly endpoint: Endpoint;
  readonly value: T;
  readonly load: PeakEwma;
  readonly backoff: Backoff;
  readonly breaker: Breaker | undefined;
  /** Factor on the load: an endpoint of ten times the weight may be ten times as slow or busy before others are preferred. */
  readonly cost: number;
  inFlight = 0;
  state: EndpointState = "ready";
  timer: Timer | undefined = undefined;
  /** The lease that tries or probes it. */
  scout: object | undefined = undefined;

  constructor(endpoint: Endpoint, value: T, load: PeakEwma, backoff: Backoff, breaker: Breaker | undefined) {
    this.endpoint = endpoint;
    this.value = value;
    this.load = load;
    this.backoff = backoff;
    this.breaker = breaker;
    this.cost = endpoint.weight > 0 ? USUAL_WEIGHT / endpoint.weight : 1;
  }

  /** Whether a request may go there. */
  get isPickable(): boolean {
    return this.state === "ready" || this.state === "trial" || this.state === "probation";
  }

  get isEjected(): boolean {
    return this.state === "ejected" || this.state === "probation" || this.state === "probing";
  }
}

/** What controllers send for an endpoint that is not preferred (reference proxy-api section 6.2). */
const USUAL_WEIGHT = 10_000;
