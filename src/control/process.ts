import { readFileSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { Network } from "../base/ip.ts";
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
  /** Who may ask `/debug/state`. */
  readonly ownNetworks: readonly Network[];
  /** Control-plane namespace. */
  readonly namespace: string;
  readonly trustDomain: string;
  readonly trustRootsFile: string;
}

/**
 * Reads a file that the Deployment mounts.
 *
 * @param flag  which flag names it, for the hint
 * @throws MeshError `CONTROL_FILE_UNREADABLE`
 */
export function readMounted(file: string, flag: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new MeshError({
      kind: "environment",
      code: "CONTROL_FILE_UNREADABLE",
      message: `${file} cannot be read: ${systemErrorCode(cause) ?? String(cause)}`,
      hint: `mount it there, or name the right file with ${flag}`,
      cause,
    });
  }
}

/** How often a process of the control plane renews its own certificate, at most and at least. */
export const OWN_REFRESH = { minRefreshMs: 10_000, maxRefreshMs: 86_400_000 } as const;

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

/**
 * Runs a process's parts under a signal that ends with them, too: when one part fails, the rest must not go on and keep the process
 * alive without it.
 */
export async function endingTogether<T extends { readonly signal: AbortSignal }>(
  given: T,
  run: (options: T) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  try {
    await run({ ...given, signal: AbortSignal.any([given.signal, over.signal]) });
  } finally {
    over.abort();
  }
}
