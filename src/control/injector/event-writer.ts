import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { InjectEvent } from "./inject-review.ts";

/** Events in flight beyond this are dropped: they are news, not records. */
const IN_FLIGHT_MAX = 20;

/** Writes Events on the owners of pods. Failures are logged at debug level and forgotten. */
export function createEventWriter(
  client: KubeClient,
  clock: Clock,
  log: Logger,
): (event: InjectEvent) => void {
  let inFlight = 0;
  return ({ reason, message, namespace, owner }) => {
    if (inFlight >= IN_FLIGHT_MAX) return;
    inFlight++;
    const time = new Date(clock.now()).toISOString();
    client
      .request("POST", `/api/v1/namespaces/${namespace}/events`, {
        timeoutMs: 5000,
        body: {
          apiVersion: "v1",
          kind: "Event",
          metadata: { generateName: `${owner.name}.`, namespace },
          type: "Normal",
          reason,
          message,
          source: { component: "meshctl-injector" },
          involvedObject: { ...owner, namespace },
          firstTimestamp: time,
          lastTimestamp: time,
          count: 1,
        },
      })
      .catch((error: Error) => log.debug("event not written", { reason, error: error.message }))
      .finally(() => inFlight--);
  };
}
