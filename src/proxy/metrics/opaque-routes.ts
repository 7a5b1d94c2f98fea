import { trySplitHostPort } from "../../base/ip.ts";
import type { Counter, Labels, Registry } from "../../metrics/registry.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import { LABELS, objectLabels, parentRouteLabels } from "./metric-labels.ts";

interface Family {
  readonly open: Counter;
  readonly close: Counter;
}

/** `outbound_{tcp,tls}_route_{open,close}_total`: connections that are forwarded unread, by route. */
export class OpaqueRoutes {
  readonly #tcp: Family;
  readonly #tls: Family;

  constructor(registry: Registry) {
    this.#tcp = declare(registry, "tcp", ["target_ip", "target_port"]);
    this.#tls = declare(registry, "tls", ["hostname"]);
  }

  opened(exchange: LiveExchange): void {
    if (exchange.direction === "outbound") this.#family(exchange).open.add(1, labelsOf(exchange));
  }

  closed(exchange: LiveExchange): void {
    if (exchange.direction !== "outbound") return;
    this.#family(exchange).close.add(1, { ...labelsOf(exchange), error: closeError(exchange) });
  }

  #family(exchange: LiveExchange): Family {
    return exchange.protocol === "tls" ? this.#tls : this.#tcp;
  }
}

function declare(registry: Registry, kind: "tcp" | "tls", target: readonly string[]): Family {
  const labels = [...LABELS.parent, ...LABELS.parentRoute, ...target];
  return {
    open: registry.counter(`outbound_${kind}_route_open_total`, "Connections by route", labels),
    close: registry.counter(`outbound_${kind}_route_close_total`, "Connections that ended, by route", [
      ...labels,
      "error",
    ]),
  };
}

/** The target is what the client meant: the endpoint is not known when a connection opens. */
function labelsOf({ parentRef, routeRef, protocol, authority, target }: LiveExchange): Labels {
  const split = trySplitHostPort(target);
  return {
    ...objectLabels("parent", parentRef),
    ...parentRouteLabels(routeRef),
    ...(protocol === "tls"
      ? { hostname: authority }
      : { target_ip: split?.host ?? target, target_port: split?.port ?? "" }),
  };
}

function closeError({ error, errorCode }: LiveExchange): string {
  if (error === "") return "";
  if (errorCode === "OUTBOUND_FORBIDDEN") return "forbidden";
  if (errorCode === "OUTBOUND_REFUSED") return "invalid_policy";
  return errorCode === "BACKEND_MISSING" ? "invalid_backend" : "unexpected";
}
