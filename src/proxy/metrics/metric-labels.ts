import { trySplitHostPort } from "../../base/ip.ts";
import type { Labels } from "../../metrics/registry.ts";
import type { LiveExchange, LiveTransport } from "../../observe/live-exchange.ts";

type MutableLabels = Record<string, string | number>;

/**
 * Labels of an exchange in linkerd2-proxy's names and order.
 *
 *   inbound   direction authority target_{addr,ip,port} TLS srv_* route_* authz_*
 *   outbound  direction authority target_{addr,ip,port} TLS dst_<endpoint label>...
 *
 * @param without a label to leave out
 */
export function exchangeLabels(exchange: LiveExchange, without?: "authority"): Labels {
  const labels: MutableLabels = { direction: exchange.direction };
  if (without !== "authority") labels.authority = exchange.authority;
  addTarget(labels, exchange.server);
  if (exchange.direction === "inbound") {
    addTls(labels, exchange.tls, "client_id", exchange.peerIdentity);
    addMeta(labels, "srv", exchange.parent);
    addMeta(labels, "route", exchange.route);
    addMeta(labels, "authz", exchange.authorization);
    return labels;
  }
  addTls(labels, exchange.tls, "server_id", exchange.peerIdentity);
  addEndpoint(labels, exchange.labels);
  return labels;
}

/** Labels of a connection: `peer` is `src` for accepted ones, `dst` for dialled ones. */
export function transportLabels(transport: LiveTransport): Labels {
  const labels: MutableLabels = { direction: transport.direction, peer: transport.peer };
  if (transport.peer === "src") {
    addTarget(labels, transport.target);
    addTls(labels, transport.tls, "client_id", transport.peerIdentity);
    if (transport.direction === "inbound") addMeta(labels, "srv", transport.parent);
    return labels;
  }
  addTls(labels, transport.tls, "server_id", transport.peerIdentity);
  if (transport.direction === "outbound") addEndpoint(labels, transport.labels);
  return labels;
}

/** `10.0.0.1:80` as address, ip and port. Only a port (inbound transports): the address is unspecified, as upstream has it. */
function addTarget(labels: MutableLabels, server: string): void {
  const address = /^\d+$/.test(server) ? `0.0.0.0:${server}` : server;
  const split = trySplitHostPort(address);
  labels.target_addr = address;
  labels.target_ip = split?.host ?? "";
  labels.target_port = split?.port ?? "";
}

/** The reason words of records to upstream's `tls` and `no_tls_reason`. */
function addTls(
  labels: MutableLabels,
  tls: string,
  idLabel: "client_id" | "server_id",
  identity: string,
): void {
  if (tls === "true") {
    labels.tls = "true";
    labels[idLabel] = identity;
  } else if (tls === "passthru" || tls === "opaque") {
    labels.tls = "opaque";
  } else if (tls === "disabled" || tls === "") {
    labels.tls = "disabled";
  } else {
    labels.tls = "no_identity";
    labels.no_tls_reason = tls;
  }
}

/** `group/kind/name` as three labels. Names may contain slashes (`default/all-unauthenticated`): only the first two cut. */
function addMeta(labels: MutableLabels, prefix: string, meta: string): void {
  if (meta === "") return;
  const [group = "", kind = "", ...name] = meta.split("/");
  labels[`${prefix}_group`] = group;
  labels[`${prefix}_kind`] = kind;
  labels[`${prefix}_name`] = name.join("/");
}

function addEndpoint(labels: MutableLabels, endpoint: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(endpoint).sort()) {
    labels[`dst_${name.replaceAll(/[^a-zA-Z0-9_]/g, "_")}`] = endpoint[name]!;
  }
}
