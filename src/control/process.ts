import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import type { KubeClient } from "../kube/client.ts";
import { registerProcessMetrics } from "../metrics/process-metrics.ts";
import { readProcess } from "../metrics/read-process.ts";
import { createRegistry, type Registry } from "../metrics/registry.ts";

/** What both control-plane processes are given. */
export interface ControlProcess {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Aborted when the process shall end. */
  readonly signal: AbortSignal;
  /** Address that servers bind. */
  readonly listenHost: string;
  /** `/live`, `/ready`, `/metrics`. */
  readonly adminPort: number;
  /** Control-plane namespace. */
  readonly namespace: string;
  readonly trustDomain: string;
  readonly trustRootsFile: string;
}

/** Streams and handshakes have this long to end when the process stops. */
export const STOP_GRACE_MS = 3000;

export function createControlRegistry(clock: Clock): Registry {
  const registry = createRegistry({ clock });
  registerProcessMetrics(registry, { clock, version: VERSION, read: readProcess });
  return registry;
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
