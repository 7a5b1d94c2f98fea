import { InboundServerPolicies, type Server } from "../../api/gen/io/linkerd/proxy/inbound_pb.js";
import { toMeshError } from "../../base/error.ts";
import { type DefaultPolicy, defaultServerPolicy } from "../../policy/default-policy.ts";
import type { ServerPolicy } from "../../policy/inbound.ts";
import type { ProxyConfig } from "../config.ts";
import { watchStream } from "../control/watch-stream.ts";
import type { InboundPolicies } from "../dependencies.ts";
import { decodeServer, invalidServerPolicy } from "./decode-inbound.ts";
import { SharedWatches, WatchedCell, watchedView } from "./shared-watch.ts";
import { isRefusal, type StreamSource } from "./stream-source.ts";

export interface LiveInboundPolicies extends InboundPolicies {
  /**
   * Starts watching the ports that the configuration names; they are never evicted.
   *
   * @returns resolves when the control plane has answered, or refused, for each of them
   */
  start(): Promise<void>;
  close(): void;
}

/**
 * Policies of the pod's ports, from WatchPort. A port has the default policy until the control plane answers, and for good when it refuses to.
 *
 * @see reference: proxy section 11 (Policy source)
 */
export function createInboundPolicies(config: ProxyConfig, source: StreamSource): LiveInboundPolicies {
  const { inbound, policy } = config;
  const watches = new SharedWatches<number, PortWatch>({
    keyOf: String,
    idleMs: inbound.discoveryIdleTimeoutMs,
    clock: source.clock,
    start: (port, signal) => {
      const initial = defaultServerPolicy(inbound.defaultPolicy as DefaultPolicy, {
        clusterNetworks: policy.clusterNetworks,
        opaque: inbound.opaquePorts.has(port),
        detectTimeoutMs: inbound.detectTimeoutMs,
      });
      return watchPort(source, policy.workload, port, initial, signal);
    },
  });
  return {
    watch(port) {
      const { value, release } = watches.hold(port);
      return watchedView(value.cell, release);
    },
    async start() {
      // Held for ever: nobody releases them.
      await Promise.all([...inbound.ports].map((port) => watches.hold(port).value.decided));
    },
    close: () => watches.close(),
  };
}

interface PortWatch {
  readonly cell: WatchedCell<ServerPolicy>;
  /** Resolves with the first answer, whatever it says. */
  readonly decided: Promise<void>;
}

function watchPort(
  source: StreamSource,
  workload: string,
  port: number,
  initial: ServerPolicy,
  signal: AbortSignal,
): PortWatch {
  const cell = new WatchedCell(initial);
  const decided = Promise.withResolvers<void>();
  const done = watchStream<Server>(
    {
      ...source,
      what: `policy of port ${port}`,
      open: (stop, onMessage) =>
        source.client.stream(
          InboundServerPolicies.method.watchPort,
          { workload, port },
          { signal: stop, onMessage },
        ),
      onMessage: (message) => {
        try {
          cell.set(decodeServer(message));
        } catch (caught) {
          source.log.error("inbound policy refused", { port, error: toMeshError(caught).message });
          cell.set(invalidServerPolicy());
        }
        decided.resolve();
      },
      isFinal: isRefusal,
    },
    signal,
  );
  done.then((error) => {
    decided.resolve();
    if (error) source.log.warn("no policy for the port; the default stays", { port, error: error.message });
  });
  return { cell, decided: decided.promise };
}
