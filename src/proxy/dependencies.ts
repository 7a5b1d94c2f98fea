import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Credentials } from "../identity/credentials.ts";
import type { Recorder } from "../observe/live-exchange.ts";
import type { Endpoint } from "../policy/endpoint.ts";
import type { ServerPolicy } from "../policy/inbound.ts";
import type { OutboundPolicy } from "../policy/outbound.ts";
import type { Accepted } from "./accept/accepted.ts";
import type { ProxyConfig } from "./config.ts";
import type { ServerExchange } from "./http/server-exchange.ts";
import type { Tracing } from "./layers/trace-requests.ts";
import type { BalancerBooks } from "./metrics/balancer-metrics.ts";
import type { SocketTunings } from "./socket-tunings.ts";
import type { Forwarded } from "./tcp/forward-opaque.ts";
import type { SharedLimits } from "./workers/shared-limits.ts";

/** What both stacks are built from. */
export interface ProxyDependencies {
  /** Begins spans; absent: there is no collector. */
  readonly tracing?: Tracing;
  /** Where balancers are entered for metrics; absent: nowhere. */
  readonly balancers?: BalancerBooks;
  readonly config: ProxyConfig;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly recorder: Recorder;
  readonly credentials: Credentials;
  readonly inboundPolicies: InboundPolicies;
  readonly discovery: Discovery;
  /** Set for the inbound side of a gateway. */
  readonly gateway?: Gateway;
  /** Several workers serve this pod: its ports and its limits are shared. Absent: this thread is alone. */
  readonly shared?: SharedLimits;
  /** What sockets are told as they are made; absent: nothing. */
  readonly sockets?: SocketTunings;
}

/** The way out for what other proxies send through this one (gateway mode): the outbound side. */
export interface Gateway {
  /** As for connections of the application. @throws MeshError `DISCOVERY_TIMEOUT`, `OUTBOUND_INVALID_TARGET` */
  discover(target: OutboundTarget): Promise<Watched<OutboundPolicy>>;
  /** Whether the control plane knows nothing of a target but where its name leads. */
  isUnknown(policy: OutboundPolicy): boolean;
  /** Takes a request. */
  request(exchange: ServerExchange, policy: OutboundPolicy): void;
  /** Takes a connection whose bytes are not read. */
  connection(accepted: Accepted, policy: OutboundPolicy, target: OutboundTarget): Forwarded;
}

/** A value that control-plane streams keep up to date. Readers hold it while they need it and release it once. */
export interface Watched<T> {
  readonly current: T;
  /** Called after each change; returns the unsubscribe function. */
  onChange(listener: (value: T) => void): () => void;
  release(): void;
}

export interface InboundPolicies {
  /** The policy of a port: the default one until the control plane answers. */
  watch(port: number): Watched<ServerPolicy>;
}

/** What an outbound connection or request is for. */
export type OutboundTarget =
  /** Original destination of a redirected connection. */
  | { readonly kind: "address"; readonly ip: string; readonly port: number }
  /** Explicit capture: a name and port that the client or the configuration gave. */
  | { readonly kind: "authority"; readonly name: string; readonly port: number };

export interface Discovery {
  /**
   * Resolves once profile and policy of a target are known. Shared by target, kept while held and 5 s beyond.
   * @throws MeshError `OUTBOUND_INVALID_TARGET` when the control plane refuses it for good
   */
  target(target: OutboundTarget): Promise<Watched<OutboundPolicy>>;
  /** Endpoints of `name:port` by Destination.Get. `exists` false: unknown service. Undefined `endpoints`: no answer yet. */
  endpoints(path: string): Watched<EndpointSet>;
}

export interface EndpointSet {
  /** False until the first answer. */
  readonly known: boolean;
  readonly exists: boolean;
  /** By `address`. A replaced entry is a new object: identity compares metadata. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}
