import type { HttpHandler } from "../http/server-connection.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/** Begins the spans of a request. The implementation is loaded only where there is a collector. */
export interface Tracing {
  begin(exchange: ServerExchange): void;
}

/**
 * Sees each request before all other layers, so that what these change or refuse is in its span. Without tracing there is no such
 * layer.
 */
export function traceRequests(
  tracing: Tracing | undefined,
  layers: (next: HttpHandler) => HttpHandler,
): (next: HttpHandler) => HttpHandler {
  if (!tracing) return layers;
  return (next) => {
    const inner = layers(next);
    return {
      handle(exchange) {
        // What happens inside a tunnel is traced itself.
        if (exchange.request.form !== "authority") tracing.begin(exchange);
        inner.handle(exchange);
      },
    };
  };
}
