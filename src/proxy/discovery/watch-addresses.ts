import { type Clock, sleep } from "../../base/clock.ts";
import { toMeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { HostResolver } from "../control/resolve-host.ts";

/** Where DNS does not say how long its answer counts. */
const REFRESH_MS = 30_000;
/** Upstream's floor between two resolutions of a name. */
const RETRY_MS = 5000;
const JITTER_RATIO = 0.1;

export interface WatchAddressesOptions {
  readonly name: string;
  readonly resolver: HostResolver;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Called after each resolution; empty when the name leads nowhere and never did. */
  readonly onAddresses: (addresses: readonly string[]) => void;
}

/** Follows a name by DNS until the signal aborts. Addresses that are known stay when resolution fails later. */
export async function watchAddresses(options: WatchAddressesOptions, signal: AbortSignal): Promise<void> {
  const { name, clock, log } = options;
  let known: readonly string[] = [];
  while (!signal.aborted) {
    let waitMs = REFRESH_MS;
    try {
      known = [...(await options.resolver.resolve(name))].sort();
      waitMs = Math.max(RETRY_MS, options.resolver.ttlMs?.(name) ?? REFRESH_MS);
    } catch (caught) {
      waitMs = Math.max(RETRY_MS, options.resolver.ttlMs?.(name) ?? 0);
      log.warn("name not resolved", { name, error: toMeshError(caught).message });
    }
    if (signal.aborted) return;
    options.onAddresses(known);
    // Rejects only because the signal aborted, which ends the loop.
    await sleep(clock, waitMs * (1 + JITTER_RATIO * options.random()), signal).catch(() => {});
  }
}
