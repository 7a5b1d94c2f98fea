import { Backoff } from "../../base/backoff.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { ResponseClass } from "../../policy/classify-response.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import type { FailureAccrual } from "../../policy/outbound.ts";
import { BalancedEndpoint } from "./balanced-endpoint.ts";
import { BalancerCounts } from "./balancer-counts.ts";
import { Breaker } from "./breaker.ts";
import { EndpointLease, type LeaseOwner } from "./endpoint-lease.ts";
import type { Lease, Waiter } from "./lease.ts";
import { PeakEwma } from "./peak-ewma.ts";
import { pickOfTwo } from "./pick.ts";

export interface BalancerOptions<T extends { close(): void }> {
  /** For messages: `web.demo.svc.cluster.local:80`. */
  readonly name: string;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly defaultRttMs: number;
  readonly decayMs: number;
  /** Requests that may wait for an endpoint. */
  readonly queueCapacity: number;
  readonly failfastTimeoutMs: number;
  /** Pauses of an endpoint that cannot be connected to. Default 100 ms to 60 s, jitter 0.1. */
  readonly backoff?:
    | { readonly minMs: number; readonly maxMs: number; readonly jitterRatio: number }
    | undefined;
  /** Ejects endpoints that fail too often. Default: none does. */
  readonly failureAccrual?: FailureAccrual | undefined;
  /** Failing responses count as this latency, or as the longer one that the server asks for. Default: as their own. */
  readonly penalty?: { readonly penaltyMs: number; readonly retryAfterMsMax: number } | undefined;
  /** Makes what sends to an endpoint: a pool, a dialler. Closed when the endpoint leaves. */
  readonly create: (endpoint: Endpoint) => T;
}

/** @see reference: proxy section 10 (Connections) */
const DEFAULT_BACKOFF = { minMs: 100, maxMs: 60_000, jitterRatio: 0.1 };

/**
 * Spreads requests over the endpoints of one service: two are drawn at random, the one with the lower
 * latency x (in flight + 1) gets the request.
 *
 * Endpoints that cannot be connected to, and those whose responses fail too often, are left out with growing pauses; after each, one
 * request tries again (`balanced-endpoint.ts` draws the states).
 * With none left, requests queue; when that lasts for the failfast time they fail together, and later ones are refused at
 * once until an endpoint is well again.
 */
export class Balancer<T extends { close(): void }> implements LeaseOwner<T> {
  readonly #options: BalancerOptions<T>;
  readonly #endpoints = new Map<string, BalancedEndpoint<T>>();
  #pickable: BalancedEndpoint<T>[] = [];
  /** Those that a pick chooses from: the pickable ones, or some of them. */
  #candidates: readonly BalancedEndpoint<T>[] = [];
  readonly #queue: Waiter<T>[] = [];
  #failfastTimer: Timer | undefined;
  #isFailfast = false;
  #lastError: MeshError | undefined;
  #now = 0;
  /** Why any endpoint is chosen at present; made again when their states change. */
  #reason: string | undefined;
  readonly isJudged: boolean;
  readonly counts: BalancerCounts;
  /** When those that queue began to, monotonic. */
  readonly #queuedAt = new Map<Waiter<T>, number>();

  constructor(options: BalancerOptions<T>) {
    this.#options = options;
    this.counts = new BalancerCounts(options.clock.monotonic());
    this.isJudged = options.failureAccrual !== undefined || options.penalty !== undefined;
  }

  /** Whether a request would not be refused at once: what weighted choices ask. */
  get isAvailable(): boolean {
    return this.#pickable.length > 0 || !this.#isFailfast;
  }

  get readyCount(): number {
    return this.#pickable.length;
  }

  /** Requests that wait for an endpoint. */
  get queueLength(): number {
    return this.#queue.length;
  }

  get endpointCount(): number {
    return this.#endpoints.size;
  }

  /** How many endpoints are out of service for failing too often. */
  get ejectedCount(): number {
    let count = 0;
    for (const each of this.#endpoints.values()) if (each.isEjected) count++;
    return count;
  }

  /** Whether requests wait or run. */
  get isBusy(): boolean {
    if (this.#queue.length > 0) return true;
    for (const each of this.#endpoints.values()) if (each.inFlight > 0) return true;
    return false;
  }

  /** The endpoints as discovery has them now. What is unchanged keeps its connections and its history. */
  update(endpoints: ReadonlyMap<string, Endpoint>): void {
    for (const [address, each] of this.#endpoints) {
      if (endpoints.get(address) !== each.endpoint) this.#remove(address, each);
    }
    for (const [address, endpoint] of endpoints) {
      if (!this.#endpoints.has(address)) this.#add(address, endpoint);
    }
    this.#serveQueue();
  }

  /** @param isRetry the waiter had a lease before, and could not connect */
  acquire(waiter: Waiter<T>, isRetry = false): void {
    this.counts.requests++;
    const chosen = this.#pick(waiter.avoid);
    if (chosen) {
      // A trial that is taken at once counts as waiting: nobody knows yet whether it succeeds.
      if (chosen.state !== "ready" && !this.#hasReady()) this.#armFailfast();
      waiter.acquired(this.#lease(chosen));
    } else if (this.#isFailfast) {
      const code = isRetry ? "BALANCER_FAILFAST" : "BALANCER_SHED";
      waiter.refused(this.#error(code, "is unavailable"));
    } else if (this.#queue.length >= this.#options.queueCapacity) {
      waiter.refused(this.#error("BALANCER_SHED", `has ${this.#queue.length} requests waiting`));
    } else {
      this.#queue.push(waiter);
      this.#queuedAt.set(waiter, this.#now);
      this.#armFailfast();
    }
  }

  /** Takes a waiter out of the queue. */
  cancel(waiter: Waiter<T>): void {
    const index = this.#queue.indexOf(waiter);
    if (index >= 0) this.#dequeue(index);
    if (this.#queue.length === 0 && !this.#isTrying()) this.#disarmFailfast();
  }

  close(): void {
    this.#disarmFailfast();
    for (const [address, each] of this.#endpoints) this.#remove(address, each);
    const error = this.#error("BALANCER_SHED", "is closed");
    for (let left = this.#queue.length; left > 0; left--) this.#dequeue(0).refused(error);
  }

  // What leases report.

  connected(endpoint: BalancedEndpoint<T>): void {
    const { state } = endpoint;
    if (state === "out" || state === "trial" || state === "trying") this.#isWell(endpoint);
  }

  connectFailed(endpoint: BalancedEndpoint<T>, error: MeshError, lease: object): void {
    this.#lastError = error;
    if (endpoint.scout === lease && endpoint.state === "probing") {
      this.#eject(endpoint, 0);
      return;
    }
    // Several requests may fail on one endpoint at once: the first starts the pause.
    if (endpoint.state === "out" || endpoint.state === "gone" || endpoint.isEjected) return;
    this.#pause(endpoint, "out", endpoint.backoff.nextMs(), "trial");
  }

  observe(endpoint: BalancedEndpoint<T>, rttMs: number): void {
    endpoint.load.observe(rttMs, this.#options.clock.monotonic());
  }

  penalise(endpoint: BalancedEndpoint<T>, rttMs: number, retryAfterMs: number): void {
    const { penalty, clock } = this.#options;
    if (!penalty) {
      this.observe(endpoint, rttMs);
      return;
    }
    const asked = Math.min(retryAfterMs, penalty.retryAfterMsMax);
    endpoint.load.raise(Math.max(penalty.penaltyMs, asked), clock.monotonic());
  }

  answering(endpoint: BalancedEndpoint<T>, lease: object): void {
    if (endpoint.scout === lease && endpoint.state === "probing") this.#isWell(endpoint);
  }

  judge(endpoint: BalancedEndpoint<T>, response: ResponseClass, retryAfterMs: number, lease: object): void {
    const { breaker } = endpoint;
    if (!breaker || endpoint.state === "gone") return;
    if (endpoint.isEjected) {
      if (endpoint.scout !== lease || endpoint.state !== "probing") return;
      if (breaker.isWell(response)) this.#isWell(endpoint);
      else this.#eject(endpoint, retryAfterMs);
    } else if (breaker.count(response, this.#options.clock.monotonic()) && this.#maySpare(endpoint)) {
      this.#eject(endpoint, retryAfterMs);
    }
  }

  released(endpoint: BalancedEndpoint<T>, lease: object): void {
    endpoint.inFlight--;
    if (endpoint.scout !== lease) return;
    endpoint.scout = undefined;
    // A trial that was given up says nothing: let another request try.
    if (endpoint.state === "trying") this.#setState(endpoint, "trial");
    else if (endpoint.state === "probing") this.#setState(endpoint, "probation");
    else return;
    this.#serveQueue();
  }

  #add(address: string, endpoint: Endpoint): void {
    const { clock, random, defaultRttMs, decayMs, create, failureAccrual } = this.#options;
    const now = clock.monotonic();
    const added = new BalancedEndpoint<T>(
      endpoint,
      create(endpoint),
      new PeakEwma(defaultRttMs, decayMs, now),
      new Backoff({ ...(this.#options.backoff ?? DEFAULT_BACKOFF), random }),
      failureAccrual && new Breaker(failureAccrual, random, now),
    );
    this.#endpoints.set(address, added);
    this.#pickable.push(added);
    this.counts.added++;
    this.#reason = undefined;
    this.#setFailfast(false);
    this.#disarmFailfast();
  }

  #remove(address: string, endpoint: BalancedEndpoint<T>): void {
    this.#endpoints.delete(address);
    this.counts.removed++;
    this.#setState(endpoint, "gone");
    endpoint.timer?.cancel();
    // Exchanges that run keep their connections; they close when they come back.
    endpoint.value.close();
  }

  #setState(endpoint: BalancedEndpoint<T>, state: BalancedEndpoint<T>["state"]): void {
    if (endpoint.state === "gone") return;
    const wasPickable = endpoint.isPickable;
    endpoint.state = state;
    this.#reason = undefined;
    const { isPickable } = endpoint;
    if (wasPickable && !isPickable) this.#pickable = this.#pickable.filter((each) => each !== endpoint);
    if (!wasPickable && isPickable) this.#pickable.push(endpoint);
  }

  readonly #loadAt = (index: number): number => {
    const { load, inFlight, cost } = this.#candidates[index]!;
    return load.read(this.#now) * (inFlight + 1) * cost;
  };

  #pick(avoid: ReadonlySet<string> | undefined): BalancedEndpoint<T> | undefined {
    this.#now = this.#options.clock.monotonic();
    this.#candidates = this.#pickable;
    if (avoid && avoid.size > 0) {
      const others = this.#pickable.filter(({ endpoint }) => !avoid.has(endpoint.address));
      if (others.length > 0) this.#candidates = others;
    }
    const index = pickOfTwo(this.#candidates.length, this.#loadAt, this.#options.random);
    return index < 0 ? undefined : this.#candidates[index];
  }

  #lease(endpoint: BalancedEndpoint<T>): Lease<T> {
    const lease = new EndpointLease(this, endpoint, this.#reasonFor(endpoint));
    endpoint.inFlight++;
    // One request finds out whether the endpoint is back; the others go elsewhere meanwhile.
    if (endpoint.state === "ready") return lease;
    endpoint.scout = lease;
    this.#setState(endpoint, endpoint.state === "trial" ? "trying" : "probing");
    return lease;
  }

  #reasonFor(endpoint: BalancedEndpoint<T>): string {
    if (this.#reason === undefined) {
      const { ejectedCount } = this;
      const ejected = ejectedCount === 0 ? "" : `, ${ejectedCount} ejected`;
      this.#reason = `p2c ${this.#pickable.length} of ${this.#endpoints.size} ready${ejected}`;
    }
    return endpoint.state === "probation" ? `${this.#reason}, a probe` : this.#reason;
  }

  #isWell(endpoint: BalancedEndpoint<T>): void {
    endpoint.timer?.cancel();
    endpoint.backoff.reset();
    if (endpoint.isEjected) endpoint.breaker?.reopen();
    this.#setFailfast(false);
    this.#disarmFailfast();
    this.#setState(endpoint, "ready");
    this.#serveQueue();
  }

  /** Whether enough endpoints are left without this one. It goes on being counted, and goes when others are back. */
  #maySpare(endpoint: BalancedEndpoint<T>): boolean {
    const others = this.#pickable.length - (endpoint.isPickable ? 1 : 0);
    return others >= (this.#options.failureAccrual?.minReadyEndpoints ?? 0);
  }

  #eject(endpoint: BalancedEndpoint<T>, retryAfterMs: number): void {
    this.#pause(endpoint, "ejected", endpoint.breaker!.nextPauseMs(retryAfterMs), "probation");
  }

  /** Leaves an endpoint out for a while. */
  #pause(
    endpoint: BalancedEndpoint<T>,
    state: "out" | "ejected",
    pauseMs: number,
    next: "trial" | "probation",
  ): void {
    endpoint.timer?.cancel();
    this.#setState(endpoint, state);
    endpoint.timer = this.#options.clock.schedule(pauseMs, () => {
      this.#setState(endpoint, next);
      this.#serveQueue();
    });
  }

  #serveQueue(): void {
    while (this.#queue.length > 0) {
      const chosen = this.#pick(this.#queue[0]!.avoid);
      if (!chosen) return;
      this.#dequeue(0).acquired(this.#lease(chosen));
    }
  }

  #dequeue(index: number): Waiter<T> {
    const waiter = this.#queue.splice(index, 1)[0]!;
    const since = this.#queuedAt.get(waiter) ?? 0;
    this.#queuedAt.delete(waiter);
    this.counts.endWait(this.#options.clock.monotonic() - since);
    return waiter;
  }

  /** @param isFailfast requests are refused at once */
  #setFailfast(isFailfast: boolean): void {
    this.#isFailfast = isFailfast;
    this.counts.setGate(isFailfast, this.#options.clock.monotonic());
  }

  #hasReady(): boolean {
    return this.#pickable.some(({ state }) => state === "ready");
  }

  #isTrying(): boolean {
    for (const { state } of this.#endpoints.values()) {
      if (state === "trying" || state === "probing") return true;
    }
    return false;
  }

  /**
   * Runs from when a request first finds no endpoint that is well until one is: trials that fail do not start it again, or a
   * request could be handed from trial to trial without end.
   */
  #armFailfast(): void {
    if (this.#failfastTimer || this.#isFailfast) return;
    const { clock, failfastTimeoutMs } = this.#options;
    this.#failfastTimer = clock.schedule(failfastTimeoutMs, () => {
      this.#failfastTimer = undefined;
      if (this.#hasReady()) return;
      this.#setFailfast(true);
      const error = this.#error("BALANCER_FAILFAST", `had no endpoint for ${failfastTimeoutMs} ms`);
      for (let left = this.#queue.length; left > 0; left--) this.#dequeue(0).refused(error);
    });
  }

  #disarmFailfast(): void {
    this.#failfastTimer?.cancel();
    this.#failfastTimer = undefined;
  }

  #error(code: "BALANCER_FAILFAST" | "BALANCER_SHED", what: string): MeshError {
    return new MeshError({
      kind: "environment",
      code,
      message: `${this.#options.name} ${what}${this.#why()}`,
      hint: "check that its pods are ready: kubectl get endpointslices",
      cause: this.#lastError,
    });
  }

  #why(): string {
    if (this.#endpoints.size === 0) return ": it has no endpoints";
    const { ejectedCount } = this;
    if (ejectedCount > 0) {
      return `: ${ejectedCount} of its ${this.#endpoints.size} endpoints are ejected for failing too often`;
    }
    return this.#lastError ? `: ${this.#lastError.message}` : "";
  }
}
