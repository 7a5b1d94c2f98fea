import { MeshError } from "../../base/error.ts";
import type { HttpHandler } from "../http/server-connection.ts";

/**
 * Sheds requests beyond a number that run at once.
 *
 * @returns a layer; all handlers that it wraps share one count, since each connection has its own handler
 */
export function limitInFlight(requestsMax: number): (next: HttpHandler) => HttpHandler {
  let inFlight = 0;
  const leave = () => {
    inFlight--;
  };
  return (next) => ({
    handle(exchange) {
      if (inFlight >= requestsMax) {
        exchange.fail(
          new MeshError({
            kind: "environment",
            code: "PROXY_OVERLOADED",
            message: `${inFlight} requests are in flight, the most that this proxy takes`,
            hint: "add replicas, or raise MESHCTL_PROXY_*_MAX_IN_FLIGHT",
          }),
        );
        return;
      }
      inFlight++;
      exchange.onDone.push(leave);
      next.handle(exchange);
    },
  });
}
