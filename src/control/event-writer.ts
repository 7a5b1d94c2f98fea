import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { KubeClient } from "../kube/client.ts";

/** News about an object, for those who `kubectl describe` it. */
export interface KubeEvent {
  readonly type: "Normal" | "Warning";
  /** One word in camel case. */
  readonly reason: string;
  readonly message: string;
  readonly namespace: string;
  readonly object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid?: string;
  };
}

/** Events in flight beyond this are dropped: they are news, not records. */
const IN_FLIGHT_MAX = 20;

/**
 * Writes Events. Failures are logged at debug level and forgotten.
 *
 * @param component  who says it: `meshctl-injector`
 */
export function createEventWriter(
  client: KubeClient,
  clock: Clock,
  log: Logger,
  component: string,
): (event: KubeEvent) => void {
  let inFlight = 0;
  return ({ type, reason, message, namespace, object }) => {
    if (inFlight >= IN_FLIGHT_MAX) return;
    inFlight++;
    const time = new Date(clock.now()).toISOString();
    client
      .request("POST", `/api/v1/namespaces/${namespace}/events`, {
        timeoutMs: 5000,
        body: {
          apiVersion: "v1",
          kind: "Event",
          metadata: { generateName: `${object.name}.`, namespace },
          type,
          reason,
          message,
          source: { component },
          involvedObject: { ...object, namespace },
          firstTimestamp: time,
          lastTimestamp: time,
          count: 1,
        },
      })
      .catch((error: Error) => log.debug("event not written", { reason, error: error.message }))
      .finally(() => inFlight--);
  };
}
