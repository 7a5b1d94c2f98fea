import type { Clock } from "../base/clock.ts";
import { tryLoadMallocTrim } from "./libc.ts";

/** How often, ms. A trim takes about a millisecond (`npm run bench:proxy -- --only memory`, glibc 2.36). */
const INTERVAL_MS = 10_000;

/**
 * Gives the system back what the C library keeps for later, every few seconds until the signal.
 *
 * Compiling hot code takes memory in many small pieces, and the library keeps them: 20 MB of the 50 that a proxy had after a burst
 * were free. Nobody else gives them back, since they lie below others that are in use.
 *
 * @returns false where the C library cannot do that (musl, other systems)
 */
export async function returnMemory(platform: string, clock: Clock, until: AbortSignal): Promise<boolean> {
  const trim = platform === "linux" ? await tryLoadMallocTrim() : undefined;
  if (!trim) return false;
  const again = (): void => {
    trim(0);
    timer = clock.schedule(INTERVAL_MS, again);
  };
  let timer = clock.schedule(INTERVAL_MS, again);
  until.addEventListener("abort", () => timer.cancel(), { once: true });
  if (until.aborted) timer.cancel();
  return true;
}
