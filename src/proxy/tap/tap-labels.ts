import type { LiveExchange } from "../../observe/live-exchange.ts";

type Labels = Record<string, string>;

/**
 * What tap says of the two ends of an exchange, in the words of metrics.
 *
 *   inbound    source: TLS of the client         destination: srv_*, route_*, authz_*, tls=loopback
 *   outbound   source: tls=loopback              destination: labels of the endpoint, TLS to it
 */
export function sourceLabels(exchange: LiveExchange): Labels {
  if (exchange.direction === "outbound") return { tls: "loopback" };
  return tlsLabels(exchange, "client_id");
}

export function destinationLabels(exchange: LiveExchange): Labels {
  if (exchange.direction === "outbound") return { ...exchange.labels, ...tlsLabels(exchange, "server_id") };
  const labels: Labels = {};
  addKey(labels, "srv", exchange.parent);
  addKey(labels, "route", exchange.route);
  addKey(labels, "authz", exchange.authorization);
  labels.tls = "loopback";
  return labels;
}

/** Of routes of ServiceProfiles, which have names; other routes have none here. */
export function routeLabels({ routeRef }: LiveExchange): Labels {
  return routeRef?.kind === "ServiceProfile" && routeRef.name !== "" ? { route: routeRef.name } : {};
}

function tlsLabels({ tls, peerIdentity }: LiveExchange, identity: "client_id" | "server_id"): Labels {
  return tls === "true" ? { tls, [identity]: peerIdentity } : { tls };
}

function addKey(labels: Labels, prefix: string, key: string): void {
  if (key === "") return;
  const [group = "", kind = "", ...name] = key.split("/");
  labels[`${prefix}_group`] = group;
  labels[`${prefix}_kind`] = kind;
  labels[`${prefix}_name`] = name.join("/");
}
