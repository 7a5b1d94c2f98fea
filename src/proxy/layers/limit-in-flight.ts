import { MeshError } from "../../base/error.ts";
import type { HttpHandler } from "../http/server-connection.ts";
import { type InFlightCount, LocalCount } from "./in-flight-count.ts";

/**
 * Sheds requests beyond a number that run at once.
 *
 * @param count  shared by the workers of a proxy that has several
 * @returns a layer; all handlers that it wraps share one count, since each connection has its own handler
 */
export function limitInFlight(
  requestsMax: number,
  count: InFlightCount = new LocalCount(),
): (next: HttpHandler) => HttpHandler {
  const leave = () => count.leave();
  return (next) => ({
    handle(exchange) {
      if (!count.enter(requestsMax)) {
        exchange.fail(
          new MeshError({
            kind: "environment",
            code: "PROXY_OVERLOADED",
            message: `${requestsMax} requests are in flight, the most that this proxy takes`,
            hint: "add replicas, or raise MESHCTL_PROXY_*_MAX_IN_FLIGHT",
          }),
        );
        return;
      }
      exchange.onDone.push(leave);
      next.handle(exchange);
    },
  });
}
