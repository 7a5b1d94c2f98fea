import type { Clock } from "../../base/clock.ts";
import type { Store } from "./store.ts";

/** Kubernetes' own lifetime of Events (ms). */
const LIFETIME_MS = 3_600_000;
const SWEEP_MS = 300_000;

/** Events go an hour after they were last seen: a cluster that runs for days must not keep them all. Returns stop. */
export function expireEvents(store: Store, clock: Clock): () => void {
  const sweep = (): void => {
    const oldest = clock.now() - LIFETIME_MS;
    for (const event of store.list("/events")) {
      const { name = "", namespace = "", creationTimestamp } = event.metadata;
      const last =
        event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? creationTimestamp;
      if (Date.parse(last) < oldest) store.remove("/events", namespace, name);
    }
    timer = clock.schedule(SWEEP_MS, sweep);
  };
  let timer = clock.schedule(SWEEP_MS, sweep);
  return () => timer.cancel();
}
