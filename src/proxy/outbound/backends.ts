import type { Duplex } from "node:stream";
import type { Timer } from "../../base/clock.ts";
import { type LiveExchange, LiveTransport } from "../../observe/live-exchange.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import type { PolicyMeta } from "../../policy/meta.ts";
import type { Backend, FailureAccrual } from "../../policy/outbound.ts";
import { Balancer, type BalancerOptions } from "../balance/balancer.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { HttpOrigin } from "../http/origin.ts";
import { dialEndpoint, endpointTls, isLocal } from "./dial-endpoint.ts";

/** An endpoint for connections whose bytes we do not read. */
export interface OpaqueOrigin {
  dial(live: LiveExchange, signal: AbortSignal): Promise<Duplex>;
  close(): void;
}

interface Held<T extends { close(): void }> {
  readonly balancer: Balancer<T>;
  /** Lets go of discovery. */
  readonly release: () => void;
  isDropped: boolean;
  usedAt: number;
}

/** What a policy's backend leads to, and the breaker that it was asked for with. */
interface Known {
  readonly held: Held<HttpOrigin>;
  readonly accrual: FailureAccrual | undefined;
}

/** A backend, and for whom its balancer is made. */
interface AskedBackend {
  readonly kind: "http" | "tcp";
  readonly backend: Backend;
  readonly parent: PolicyMeta | undefined;
}

/** Requests or connections that may wait for an endpoint, and how long. */
interface QueueLimits {
  readonly queueCapacity: number;
  readonly failfastTimeoutMs: number;
}

/**
 * The balancers of this proxy, one for each backend and protocol, made when first used and dropped after the
 * discovery idle time without use.
 */
export class Backends {
  readonly #deps: ProxyDependencies;
  readonly #opaqueQueue: QueueLimits;
  readonly #http = new Map<string, Held<HttpOrigin>>();
  /** The same by the object that a policy holds: a request needs no key. */
  readonly #httpByBackend = new WeakMap<Backend, Known>();
  readonly #opaque = new Map<string, Held<OpaqueOrigin>>();
  #sweep: Timer | undefined;

  constructor(deps: ProxyDependencies) {
    this.#deps = deps;
    const { tcpQueueCapacity, tcpFailfastTimeoutMs } = deps.config.outbound;
    this.#opaqueQueue = { queueCapacity: tcpQueueCapacity, failfastTimeoutMs: tcpFailfastTimeoutMs };
  }

  /**
   * @param accrual the policy's breaker: policies with different ones do not share a balancer
   * @param parent  of that policy, for metrics
   * @returns undefined for a backend without dispatcher
   */
  http(backend: Backend, accrual?: FailureAccrual, parent?: PolicyMeta): Balancer<HttpOrigin> | undefined {
    const known = this.#httpByBackend.get(backend);
    if (known && !known.held.isDropped && known.accrual === accrual) {
      known.held.usedAt = this.#deps.clock.monotonic();
      return known.held.balancer;
    }
    const held = this.#get(
      this.#http,
      { kind: "http", backend, parent },
      this.#deps.config.outbound,
      (endpoint) => this.#createHttpOrigin(endpoint),
      accrual,
    );
    if (held) this.#httpByBackend.set(backend, { held, accrual });
    return held?.balancer;
  }

  /** @returns undefined for a backend without dispatcher */
  opaque(backend: Backend, parent?: PolicyMeta): Balancer<OpaqueOrigin> | undefined {
    return this.#get(this.#opaque, { kind: "tcp", backend, parent }, this.#opaqueQueue, (endpoint) => ({
      dial: (live, signal) => dialEndpoint(endpoint, undefined, this.#deps, live, signal),
      close() {},
    }))?.balancer;
  }

  close(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const cache of [this.#http, this.#opaque]) {
      for (const held of cache.values()) drop(held);
      cache.clear();
    }
  }

  #get<T extends { close(): void }>(
    cache: Map<string, Held<T>>,
    asked: AskedBackend,
    queue: QueueLimits,
    create: (endpoint: Endpoint) => T,
    accrual?: FailureAccrual,
  ): Held<T> | undefined {
    const { backend } = asked;
    if (backend.target.kind === "none") return undefined;
    const key = backendKey(backend, accrual);
    let held = cache.get(key);
    if (!held) {
      held = this.#create(asked, queue, create, accrual);
      cache.set(key, held);
      this.#armSweep();
    }
    held.usedAt = this.#deps.clock.monotonic();
    return held;
  }

  #create<T extends { close(): void }>(
    { kind, backend, parent }: AskedBackend,
    queue: QueueLimits,
    create: (endpoint: Endpoint) => T,
    accrual: FailureAccrual | undefined,
  ): Held<T> {
    const { clock, random, config, discovery } = this.#deps;
    const target = backend.target as Exclude<Backend["target"], { kind: "none" }>;
    const balancer = new Balancer<T>({
      name: target.kind === "balance" ? target.path : target.endpoint.address,
      clock,
      random,
      defaultRttMs: target.kind === "balance" ? target.defaultRttMs : DEFAULT_RTT_MS,
      decayMs: target.kind === "balance" ? target.decayMs : DEFAULT_DECAY_MS,
      queueCapacity: queue.queueCapacity,
      failfastTimeoutMs: queue.failfastTimeoutMs,
      backoff: config.outbound.connectBackoff,
      // A single address has no other that it could be left out for.
      failureAccrual: target.kind === "balance" ? accrual : undefined,
      penalty: penaltyOf(target),
      create,
    });
    const { failfastTimeoutMs } = queue;
    const removed =
      this.#deps.balancers?.add(balancer, { kind, parent, backend: backend.meta, failfastTimeoutMs }) ??
      (() => {});
    if (target.kind === "forward") {
      balancer.update(new Map([[target.endpoint.address, target.endpoint]]));
      return { balancer, release: removed, isDropped: false, usedAt: 0 };
    }
    const watched = discovery.endpoints(target.path);
    balancer.update(watched.current.endpoints);
    const unsubscribe = watched.onChange((set) => balancer.update(set.endpoints));
    const release = (): void => {
      removed();
      unsubscribe();
      watched.release();
    };
    return { balancer, release, isDropped: false, usedAt: 0 };
  }

  #createHttpOrigin(endpoint: Endpoint): HttpOrigin {
    const { clock, recorder, config } = this.#deps;
    return new HttpOrigin({
      dial: (live, signal, version) => dialEndpoint(endpoint, version, this.#deps, live, signal),
      upgrades: endpoint.protocolHint === "h2" && !isLocal(endpoint, this.#deps),
      createTransport: (live) => createEndpointTransport(endpoint, live, this.#deps),
      recorder,
      clock,
      idleTimeoutMs: config.outbound.poolIdleTimeoutMs,
      idleConnectionsMax: config.outbound.maxIdleConnections,
      http2: config.http2Client,
    });
  }

  #armSweep(): void {
    const idleMs = this.#deps.config.outbound.discoveryIdleTimeoutMs;
    this.#sweep ??= this.#deps.clock.schedule(Math.max(idleMs, 1000), () => {
      this.#sweep = undefined;
      const before = this.#deps.clock.monotonic() - idleMs;
      for (const cache of [this.#http, this.#opaque]) {
        for (const [key, held] of cache as Map<string, Held<{ close(): void }>>) {
          if (held.usedAt > before || held.balancer.isBusy) continue;
          cache.delete(key);
          drop(held);
        }
      }
      if (this.#http.size + this.#opaque.size > 0) this.#armSweep();
    });
  }
}

/** The books of a connection to an endpoint. */
export function createEndpointTransport(
  endpoint: Endpoint,
  live: LiveExchange,
  deps: ProxyDependencies,
): LiveTransport {
  const transport = new LiveTransport("outbound", "dst");
  transport.peerIp = endpoint.ip;
  transport.tls = endpointTls(endpoint, deps);
  transport.peerIdentity = transport.tls === "true" ? endpoint.tls!.identity : "";
  transport.labels = endpoint.labels;
  transport.target = live.target;
  transport.parent = live.parent;
  return transport;
}

/** Says in a record which endpoint it goes to. */
export function describeEndpoint(
  live: LiveExchange,
  endpoint: Endpoint,
  reason: string,
  deps: ProxyDependencies,
): void {
  live.queued = deps.clock.monotonic();
  live.server = endpoint.address;
  live.endpointReason = reason;
  // Through a gateway: the record is of the client that came in, whose peer is not this one.
  if (live.direction === "inbound") return;
  live.peerIp = endpoint.ip;
  live.labels = endpoint.labels;
  live.tls = endpointTls(endpoint, deps);
  live.peerIdentity = live.tls === "true" ? endpoint.tls!.identity : "";
}

/** @see reference: proxy section 10 (Balancer) */
const DEFAULT_RTT_MS = 30;
const DEFAULT_DECAY_MS = 10_000;

function penaltyOf(target: Backend["target"]): BalancerOptions<never>["penalty"] {
  if (target.kind !== "balance" || target.penaltyMs === undefined) return undefined;
  return { penaltyMs: target.penaltyMs, retryAfterMsMax: target.maxRetryAfterMs ?? 0 };
}

function backendKey({ target }: Backend, accrual: FailureAccrual | undefined): string {
  if (target.kind === "none") return "none";
  if (target.kind === "balance") {
    const { path, defaultRttMs, decayMs, penaltyMs, maxRetryAfterMs } = target;
    const breaker = accrual ? JSON.stringify(accrual) : "";
    return `balance ${path} ${defaultRttMs} ${decayMs} ${penaltyMs} ${maxRetryAfterMs} ${breaker}`;
  }
  const { address, tls, opaqueTransportPort, protocolHint, authorityOverride } = target.endpoint;
  return `forward ${address} ${tls?.identity} ${tls?.serverName} ${opaqueTransportPort} ${protocolHint} ${authorityOverride}`;
}

function drop(held: Held<{ close(): void }>): void {
  held.isDropped = true;
  held.release();
  held.balancer.close();
}
