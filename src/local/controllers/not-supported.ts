import { REPLICATION_CONTROLLERS } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";

/**
 * Says on the objects of kinds that are stored but not run yet that nothing will happen, so that nobody waits for it.
 */
export function startNotSupportedController({ objects, events }: ControllerContext): Controller {
  const stops = [REPLICATION_CONTROLLERS].map((resource) =>
    objects.watch(resource, (type, object) => {
      if (type !== "ADDED") return;
      events.record(
        object,
        "Warning",
        "NotSupportedYet",
        `the local cluster stores a ${resource.kind} but does not run it yet: no pods will appear; a Deployment runs`,
      );
    }),
  );
  return {
    stop: () => {
      for (const stop of stops) stop();
    },
    idle: () => Promise.resolve(),
  };
}
