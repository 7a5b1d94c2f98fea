import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Credentials } from "../identity/credentials.ts";
import type { Registry } from "../metrics/registry.ts";
import type { ControlSettings } from "./control-settings.ts";
import { destinationMethods } from "./destination/destination-methods.ts";
import type { ClusterIndex } from "./index/cluster-index.ts";
import type { Views } from "./index/view.ts";
import { countViews } from "./index/view-metrics.ts";
import { policyMethods } from "./policy/policy-methods.ts";
import { STOP_GRACE_MS } from "./process.ts";
import type { ConnectionState } from "./serve/grpc-connection.ts";
import type { GrpcMethod } from "./serve/grpc-method.ts";
import type { GrpcObserver } from "./serve/grpc-stream.ts";
import { type MeshGrpcServer, startMeshGrpcServer } from "./serve/mesh-grpc-server.ts";

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

/** Destination and policy, as they are served. */
export interface RunningDiscovery {
  /** Who is connected to each, and what for. */
  connections(): Readonly<Record<string, readonly ConnectionState[]>>;
  stop(): Promise<void>;
}

/**
 * Serves destination and policy over one index.
 *
 * @throws MeshError `LISTEN_FAILED`; then nothing is served
 */
export async function serveDiscovery(options: DiscoveryServers): Promise<RunningDiscovery> {
  const { ports } = options;
  const services: readonly (readonly [name: string, port: number, methods: readonly GrpcMethod[]])[] = [
    ["destination", ports.destination, destinationMethods(options)],
    ["policy", ports.policy, policyMethods(options)],
  ];
  countViews(options.views, options.metrics);
  const servers = new Map<string, MeshGrpcServer>();
  const stop = async (): Promise<void> => {
    await Promise.all([...servers.values()].map((server) => server.stop(STOP_GRACE_MS)));
  };
  try {
    for (const [name, port, methods] of services) {
      servers.set(name, await startMeshGrpcServer({ ...options, name, port, methods }));
    }
  } catch (error) {
    // One without the other is of no use.
    await stop();
    throw error;
  }
  return {
    connections: () => Object.fromEntries([...servers].map(([name, server]) => [name, server.connections()])),
    stop,
  };
}
