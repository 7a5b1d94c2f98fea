import { Backoff } from "../../base/backoff.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
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
  /** Makes what sends to an endpoint: a pool, a dialler. Closed when the endpoint leaves. */
  readonly create: (endpoint: Endpoint) => T;
}

/** Waits for an endpoint. Exactly one of the two is called, once, perhaps within `acquire`. */
export interface Waiter<T> {
  acquired(lease: Lease<T>): void;
  /** `BALANCER_FAILFAST` after waiting, `BALANCER_SHED` at once. */
  refused(error: MeshError): void;
}

/** Leave to send one request (or open one connection). Say how it went, then `release`. */
export interface Lease<T> {
  readonly endpoint: Endpoint;
  readonly value: T;
  /** Why this endpoint, for the record. */
  readonly reason: string;
  /** A connection stands: the endpoint is well. */
  connected(): void;
  /** No connection could be made: leave the endpoint out for a while. */
  connectFailed(error: MeshError): void;
  observe(rttMs: number): void;
  release(): void;
}

/** @see reference: proxy section 10 (Connections) */
const DEFAULT_BACKOFF = { minMs: 100, maxMs: 60_000, jitterRatio: 0.1 };

interface Entry<T> {
  readonly endpoint: Endpoint;
  readonly value: T;
  readonly load: PeakEwma;
  readonly backoff: Backoff;
  inFlight: number;
  /**
   *     ready --connectFailed--> out --(back-off)--> trial --acquire--> trying --connected--> ready
   *                               ^                                        \--connectFailed--> out
   */
  state: "ready" | "out" | "trial" | "trying" | "gone";
  timer: Timer | undefined;
}

/**
 * Spreads requests over the endpoints of one service: two are drawn at random, the one with the lower
 * latency x (in flight + 1) gets the request.
 *
 * Endpoints that cannot be connected to are left out with growing pauses; after each, one request tries again.
 * With none left, requests queue; when that lasts for the failfast time they fail together, and later ones are refused at
 * once until an endpoint is well again.
 */
export class Balancer<T extends { close(): void }> {
  readonly #options: BalancerOptions<T>;
  readonly #entries = new Map<string, Entry<T>>();
  /** Those in state ready or trial. */
  #pickable: Entry<T>[] = [];
  readonly #queue: Waiter<T>[] = [];
  #failfastTimer: Timer | undefined;
  #isFailfast = false;
  #lastError: MeshError | undefined;
  #now = 0;

  constructor(options: BalancerOptions<T>) {
    this.#options = options;
  }

  /** Whether a request would not be refused at once: what weighted choices ask. */
  get isAvailable(): boolean {
    return this.#pickable.length > 0 || !this.#isFailfast;
  }

  get readyCount(): number {
    return this.#pickable.length;
  }

  get endpointCount(): number {
    return this.#entries.size;
  }

  /** Whether requests wait or run. */
  get isBusy(): boolean {
    if (this.#queue.length > 0) return true;
    for (const entry of this.#entries.values()) if (entry.inFlight > 0) return true;
    return false;
  }

  /** The endpoints as discovery has them now. What is unchanged keeps its connections and its history. */
  update(endpoints: ReadonlyMap<string, Endpoint>): void {
    for (const [address, entry] of this.#entries) {
      if (endpoints.get(address) !== entry.endpoint) this.#remove(address, entry);
    }
    for (const [address, endpoint] of endpoints) {
      if (!this.#entries.has(address)) this.#add(address, endpoint);
    }
    this.#serveQueue();
  }

  /** @param isRetry the waiter had a lease before, and could not connect */
  acquire(waiter: Waiter<T>, isRetry = false): void {
    const entry = this.#pick();
    if (entry) {
      // A trial that is taken at once counts as waiting: nobody knows yet whether it succeeds.
      if (entry.state === "trial" && !this.#hasReady()) this.#armFailfast();
      waiter.acquired(this.#lease(entry));
    } else if (this.#isFailfast) {
      const code = isRetry ? "BALANCER_FAILFAST" : "BALANCER_SHED";
      waiter.refused(this.#error(code, "is unavailable"));
    } else if (this.#queue.length >= this.#options.queueCapacity) {
      waiter.refused(this.#error("BALANCER_SHED", `has ${this.#queue.length} requests waiting`));
    } else {
      this.#queue.push(waiter);
      this.#armFailfast();
    }
  }

  /** Takes a waiter out of the queue. */
  cancel(waiter: Waiter<T>): void {
    const index = this.#queue.indexOf(waiter);
    if (index >= 0) this.#queue.splice(index, 1);
    if (this.#queue.length === 0 && !this.#isTrying()) this.#disarmFailfast();
  }

  close(): void {
    this.#disarmFailfast();
    for (const [address, entry] of this.#entries) this.#remove(address, entry);
    for (const waiter of this.#queue.splice(0)) waiter.refused(this.#error("BALANCER_SHED", "is closed"));
  }

  #add(address: string, endpoint: Endpoint): void {
    const { clock, random, defaultRttMs, decayMs, create } = this.#options;
    const entry: Entry<T> = {
      endpoint,
      value: create(endpoint),
      load: new PeakEwma(defaultRttMs, decayMs, clock.monotonic()),
      backoff: new Backoff({ ...(this.#options.backoff ?? DEFAULT_BACKOFF), random }),
      inFlight: 0,
      state: "ready",
      timer: undefined,
    };
    this.#entries.set(address, entry);
    this.#pickable.push(entry);
    this.#isFailfast = false;
    this.#disarmFailfast();
  }

  #remove(address: string, entry: Entry<T>): void {
    this.#entries.delete(address);
    this.#setState(entry, "gone");
    entry.timer?.cancel();
    // Exchanges that run keep their connections; they close when they come back.
    entry.value.close();
  }

  #setState(entry: Entry<T>, state: Entry<T>["state"]): void {
    if (entry.state === "gone") return;
    const wasPickable = entry.state === "ready" || entry.state === "trial";
    const isPickable = state === "ready" || state === "trial";
    entry.state = state;
    if (wasPickable && !isPickable) this.#pickable = this.#pickable.filter((each) => each !== entry);
    if (!wasPickable && isPickable) this.#pickable.push(entry);
  }

  readonly #loadAt = (index: number): number => {
    const entry = this.#pickable[index]!;
    return entry.load.read(this.#now) * (entry.inFlight + 1);
  };

  #pick(): Entry<T> | undefined {
    this.#now = this.#options.clock.monotonic();
    const index = pickOfTwo(this.#pickable.length, this.#loadAt, this.#options.random);
    return index < 0 ? undefined : this.#pickable[index];
  }

  #lease(entry: Entry<T>): Lease<T> {
    const reason = `p2c ${this.#pickable.length} of ${this.#entries.size} ready`;
    // One request finds out whether the endpoint is back; the others go elsewhere meanwhile.
    const isTrial = entry.state === "trial";
    if (isTrial) this.#setState(entry, "trying");
    entry.inFlight++;
    let isReleased = false;
    return {
      endpoint: entry.endpoint,
      value: entry.value,
      reason,
      connected: () => this.#connected(entry),
      connectFailed: (error) => this.#connectFailed(entry, error),
      observe: (rttMs) => entry.load.observe(rttMs, this.#options.clock.monotonic()),
      release: () => {
        if (isReleased) return;
        isReleased = true;
        entry.inFlight--;
        // A trial that was given up says nothing: let another request try.
        if (isTrial && entry.state === "trying") {
          this.#setState(entry, "trial");
          this.#serveQueue();
        }
      },
    };
  }

  #connected(entry: Entry<T>): void {
    if (entry.state === "ready" || entry.state === "gone") return;
    entry.timer?.cancel();
    entry.backoff.reset();
    this.#isFailfast = false;
    this.#disarmFailfast();
    this.#setState(entry, "ready");
    this.#serveQueue();
  }

  #connectFailed(entry: Entry<T>, error: MeshError): void {
    this.#lastError = error;
    // Several requests may fail on one endpoint at once: the first starts the pause.
    if (entry.state === "out" || entry.state === "gone") return;
    this.#setState(entry, "out");
    entry.timer = this.#options.clock.schedule(entry.backoff.nextMs(), () => {
      this.#setState(entry, "trial");
      this.#serveQueue();
    });
  }

  #serveQueue(): void {
    while (this.#queue.length > 0) {
      const entry = this.#pick();
      if (!entry) return;
      this.#queue.shift()!.acquired(this.#lease(entry));
    }
  }

  #hasReady(): boolean {
    return this.#pickable.some((entry) => entry.state === "ready");
  }

  #isTrying(): boolean {
    for (const entry of this.#entries.values()) if (entry.state === "trying") return true;
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
      this.#isFailfast = true;
      const error = this.#error("BALANCER_FAILFAST", `had no endpoint for ${failfastTimeoutMs} ms`);
      for (const waiter of this.#queue.splice(0)) waiter.refused(error);
    });
  }

  #disarmFailfast(): void {
    this.#failfastTimer?.cancel();
    this.#failfastTimer = undefined;
  }

  #error(code: "BALANCER_FAILFAST" | "BALANCER_SHED", what: string): MeshError {
    const why =
      this.#entries.size === 0
        ? ": it has no endpoints"
        : this.#lastError
          ? `: ${this.#lastError.message}`
          : "";
    return new MeshError({
      kind: "environment",
      code,
      message: `${this.#options.name} ${what}${why}`,
      hint: "check that its pods are ready: kubectl get endpointslices",
      cause: this.#lastError,
    });
  }
}
