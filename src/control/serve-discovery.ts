import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Credentials } from "../identity/credentials.ts";
import type { Registry } from "../metrics/registry.ts";
import type { ControlSettings } from "./control-settings.ts";
import { destinationMethods } from "./destination/destination-methods.ts";
import type { ClusterIndex } from "./index/cluster-index.ts";
import type { Views } from "./index/view.ts";
import { policyMethods } from "./policy/policy-methods.ts";
import { STOP_GRACE_MS } from "./process.ts";
import type { GrpcMethod } from "./serve/grpc-method.ts";
import type { GrpcObserver } from "./serve/grpc-stream.ts";
import { startMeshGrpcServer } from "./serve/mesh-grpc-server.ts";

export interface DiscoveryServers {
  readonly host: string;
  readonly ports: { readonly destination: number; readonly policy: number };
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly observer: GrpcObserver;
  readonly index: ClusterIndex;
  readonly views: Views;
  readonly settings: ControlSettings;
  /** Resolves when the index has been filled. */
  readonly ready: Promise<void>;
}

/**
 * Serves destination and policy over one index.
 *
 * @returns what stops them
 */
export async function serveDiscovery(options: DiscoveryServers): Promise<(() => Promise<void>)[]> {
  const { ports } = options;
  const services: readonly (readonly [name: string, port: number, methods: readonly GrpcMethod[]])[] = [
    ["destination", ports.destination, destinationMethods(options)],
    ["policy", ports.policy, policyMethods(options)],
  ];
  const stops: (() => Promise<void>)[] = [];
  for (const [name, port, methods] of services) {
    const server = await startMeshGrpcServer({ ...options, name, port, methods });
    stops.push(() => server.stop(STOP_GRACE_MS));
  }
  return stops;
}
