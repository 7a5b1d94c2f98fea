import { MeshError } from "../../base/error.ts";
import { isOwnHost } from "../../policy/authorize.ts";
import type { ProxyConfig } from "../config.ts";
import type { HostResolver } from "../control/resolve-host.ts";
import type { Discovery, EndpointSet } from "../dependencies.ts";
import { followTarget, type LiveTarget } from "./live-target.ts";
import { SharedWatches, type WatchedCell, watchedView } from "./shared-watch.ts";
import type { StreamSource } from "./stream-source.ts";
import { type NamedTarget, nameTarget, profilePath, targetKey } from "./target-name.ts";
import { watchEndpoints } from "./watch-endpoints.ts";

export interface DiscoveryOptions {
  readonly config: ProxyConfig;
  readonly destination: StreamSource;
  readonly policy: StreamSource;
  readonly resolver: HostResolver;
}

export interface LiveDiscovery extends Discovery {
  close(): void;
}

/** How long a new target may wait for the control plane. Known targets never wait. */
const FIRST_ANSWER_TIMEOUT_MS = 10_000;

/**
 * Finds out where outbound traffic goes: policies of targets and endpoints of services, each followed by one stream that all share.
 *
 * @see reference: proxy section 10 (Discovery)
 */
export function createDiscovery({ config, destination, policy, resolver }: DiscoveryOptions): LiveDiscovery {
  const { clock } = policy;
  const idleMs = config.outbound.discoveryIdleTimeoutMs;
  const ownPorts = new Set([config.inbound.listen.port, ...config.outbound.listen.map(({ port }) => port)]);
  const isOwnListener = (ip: string, port: number) => ownPorts.has(port) && isOwnHost(ip, config.ownNetworks);

  const targets = new SharedWatches<NamedTarget, LiveTarget>({
    keyOf: targetKey,
    idleMs,
    clock,
    start: (target, signal) => {
      const live = followTarget(
        {
          target,
          profilePath: profilePath(target, config),
          context: config.destination.context,
          workload: config.policy.workload,
          destination,
          policy,
          resolver,
          isOwnListener,
        },
        signal,
      );
      // Refused today may be accepted tomorrow: the next one to ask starts anew.
      live.ready.catch(() => targets.forget(target));
      return live;
    },
  });

  const endpoints = new SharedWatches<string, WatchedCell<EndpointSet>>({
    keyOf: (path) => path,
    idleMs,
    clock,
    start: (path, signal) => watchEndpoints(destination, path, config.destination.context, signal),
  });

  return {
    async target(wanted) {
      const target = nameTarget(wanted, config);
      const { value, release } = targets.hold(target);
      let isWaiting = true;
      const late = Promise.withResolvers<never>();
      const timer = clock.schedule(FIRST_ANSWER_TIMEOUT_MS, () => {
        if (isWaiting) late.reject(timedOut(targetKey(target)));
      });
      try {
        return watchedView(await Promise.race([value.ready, late.promise]), release);
      } catch (caught) {
        release();
        throw caught;
      } finally {
        isWaiting = false;
        timer.cancel();
      }
    },
    endpoints(path) {
      const { value, release } = endpoints.hold(path);
      return watchedView(value, release);
    },
    close() {
      targets.close();
      endpoints.close();
    },
  };
}

function timedOut(target: string): MeshError {
  return new MeshError({
    kind: "environment",
    code: "OUTBOUND_DISCOVERY_TIMEOUT",
    message: `the control plane said nothing about ${target} within ${FIRST_ANSWER_TIMEOUT_MS / 1000} s`,
    hint: "check that meshctl-controller runs: `meshctl check`",
  });
}
