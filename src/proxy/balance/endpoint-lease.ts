import type { MeshError } from "../../base/error.ts";
import type { ResponseClass } from "../../policy/classify-response.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import type { BalancedEndpoint } from "./balanced-endpoint.ts";
import type { Lease } from "./lease.ts";

/** Whom leases report to: the balancer. `lease` tells the one that tries or probes an endpoint from the others. */
export interface LeaseOwner<T> {
  readonly isJudged: boolean;
  connected(endpoint: BalancedEndpoint<T>): void;
  connectFailed(endpoint: BalancedEndpoint<T>, error: MeshError, lease: object): void;
  observe(endpoint: BalancedEndpoint<T>, rttMs: number): void;
  penalise(endpoint: BalancedEndpoint<T>, rttMs: number, retryAfterMs: number): void;
  answering(endpoint: BalancedEndpoint<T>, lease: object): void;
  judge(endpoint: BalancedEndpoint<T>, response: ResponseClass, retryAfterMs: number, lease: object): void;
  released(endpoint: BalancedEndpoint<T>, lease: object): void;
}

export class EndpointLease<T> implements Lease<T> {
  readonly reason: string;
  readonly #owner: LeaseOwner<T>;
  readonly #endpoint: BalancedEndpoint<T>;
  #isReleased = false;

  constructor(owner: LeaseOwner<T>, endpoint: BalancedEndpoint<T>, reason: string) {
    this.#owner = owner;
    this.#endpoint = endpoint;
    this.reason = reason;
  }

  get endpoint(): Endpoint {
    return this.#endpoint.endpoint;
  }

  get value(): T {
    return this.#endpoint.value;
  }

  get isJudged(): boolean {
    return this.#owner.isJudged;
  }

  connected(): void {
    this.#owner.connected(this.#endpoint);
  }

  connectFailed(error: MeshError): void {
    this.#owner.connectFailed(this.#endpoint, error, this);
  }

  observe(rttMs: number): void {
    this.#owner.observe(this.#endpoint, rttMs);
  }

  penalise(rttMs: number, retryAfterMs: number): void {
    this.#owner.penalise(this.#endpoint, rttMs, retryAfterMs);
  }

  answering(): void {
    this.#owner.answering(this.#endpoint, this);
  }

  judge(response: ResponseClass, retryAfterMs: number): void {
    this.#owner.judge(this.#endpoint, response, retryAfterMs, this);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#owner.released(this.#endpoint, this);
  }
}
