import { trySplitHostPort } from "../../base/ip.ts";
import type { Labels } from "../../metrics/registry.ts";
import type { LiveExchange, LiveTransport, ObjectRef } from "../../observe/live-exchange.ts";

type MutableLabels = Record<string, string | number>;

/** Names of labels, for declarations. */
export const LABELS = {
  target: ["target_addr", "target_ip", "target_port"],
  /** Of connections that came: who the client is. */
  tlsAccept: ["tls", "client_id", "sni", "no_tls_reason"],
  /** Of connections that we make: who the server is. */
  tlsConnect: ["tls", "server_id", "no_tls_reason"],
  server: ["srv_group", "srv_kind", "srv_name", "srv_port"],
  route: ["route_group", "route_kind", "route_name"],
  authorization: ["authz_group", "authz_kind", "authz_name"],
  /** Stands for every label that discovery gives an endpoint. */
  endpoint: ["dst_*"],
  parent: objectLabelNames("parent"),
  parentRoute: ["route_group", "route_kind", "route_namespace", "route_name"],
  backend: objectLabelNames("backend"),
} as const;

function objectLabelNames(prefix: string): string[] {
  return ["group", "kind", "namespace", "name", "port", "section_name"].map((name) => `${prefix}_${name}`);
}

/**
 * Labels of an exchange in linkerd2-proxy's names and order.
 *
 *   inbound   direction [authority] target_{addr,ip,port} TLS srv_* route_* authz_*
 *   outbound  direction authority target_{addr,ip,port} TLS dst_<endpoint label>...
 *
 * @param hasAuthority inbound: whether clients may make series with what they write into Host
 */
export function exchangeLabels(exchange: LiveExchange, hasAuthority: boolean): Labels {
  const labels: MutableLabels = { direction: exchange.direction };
  if (exchange.direction === "outbound" || hasAuthority) labels.authority = exchange.authority;
  addTarget(labels, exchange.server);
  if (exchange.direction === "inbound") {
    addTls(labels, exchange.tls, "client_id", exchange.peerIdentity);
    addServer(labels, exchange);
    addKey(labels, "route", exchange.route);
    addKey(labels, "authz", exchange.authorization);
    return labels;
  }
  addTls(labels, exchange.tls, "server_id", exchange.peerIdentity);
  addEndpoint(labels, exchange.labels);
  return labels;
}

/** Labels of verdicts on requests and connections: `target_* srv_* [route_*] [authz_*] TLS`. */
export function verdictLabels(exchange: LiveExchange): Labels {
  const labels: MutableLabels = {};
  addTarget(labels, exchange.server);
  addServer(labels, exchange);
  addKey(labels, "route", exchange.route);
  addKey(labels, "authz", exchange.authorization);
  addTls(labels, exchange.tls, "client_id", exchange.peerIdentity, exchange.authority);
  return labels;
}

/** `target_*`, and `srv_*` where there is a server. */
export function targetLabels(exchange: LiveExchange, hasServer: boolean): Labels {
  const labels: MutableLabels = {};
  addTarget(labels, exchange.server);
  if (hasServer) addServer(labels, exchange);
  return labels;
}

/** Labels of a connection: `peer` is `src` for accepted ones, `dst` for dialled ones. */
export function transportLabels(transport: LiveTransport): Labels {
  const labels: MutableLabels = { direction: transport.direction, peer: transport.peer };
  if (transport.peer === "src") {
    addTarget(labels, transport.target);
    addTls(labels, transport.tls, "client_id", transport.peerIdentity, transport.sni);
    if (transport.direction === "inbound") {
      addKey(labels, "srv", transport.parent);
      labels.srv_port = transport.target;
    }
    return labels;
  }
  addTls(labels, transport.tls, "server_id", transport.peerIdentity);
  if (transport.direction === "outbound") addEndpoint(labels, transport.labels);
  return labels;
}

/** `<prefix>_{group,kind,namespace,name,port,section_name}`. An object that is not known has empty values. */
export function objectLabels(prefix: string, object: ObjectRef | undefined): Labels {
  return {
    [`${prefix}_group`]: object?.group ?? "",
    [`${prefix}_kind`]: object?.kind ?? "",
    [`${prefix}_namespace`]: object?.namespace ?? "",
    [`${prefix}_name`]: object?.name ?? "",
    [`${prefix}_port`]: object?.port || "",
    [`${prefix}_section_name`]: object?.section ?? "",
  };
}

/** `route_{group,kind,namespace,name}` of outbound routes. */
export function parentRouteLabels(route: ObjectRef | undefined): Labels {
  return {
    route_group: route?.group ?? "",
    route_kind: route?.kind ?? "",
    route_namespace: route?.namespace ?? "",
    route_name: route?.name ?? "",
  };
}

/** `parent_{group,kind,name,port} route_{group,kind,name}` of inbound routes; the port is the pod's. */
export function inboundRouteLabels({ parentRef, routeRef, target }: LiveExchange): Labels {
  return {
    parent_group: parentRef?.group ?? "",
    parent_kind: parentRef?.kind ?? "",
    parent_name: parentRef?.name ?? "",
    parent_port: target,
    route_group: routeRef?.group ?? "",
    route_kind: routeRef?.kind ?? "",
    route_name: routeRef?.name ?? "",
  };
}

/** `srv_{group,kind,name,port}` of an object and a port of the pod. */
export function serverLabels(server: ObjectRef, port: number): Labels {
  return { srv_group: server.group, srv_kind: server.kind, srv_name: server.name, srv_port: port };
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
  sni = "",
): void {
  if (tls === "true") {
    labels.tls = "true";
    labels[idLabel] = identity;
  } else if (tls === "passthru" || tls === "opaque") {
    labels.tls = "opaque";
    labels.sni = sni;
  } else if (tls === "disabled" || tls === "") {
    labels.tls = "disabled";
  } else {
    labels.tls = "no_identity";
    labels.no_tls_reason = tls;
  }
}

function addServer(labels: MutableLabels, exchange: LiveExchange): void {
  if (exchange.parent === "") return;
  addKey(labels, "srv", exchange.parent);
  labels.srv_port = exchange.target;
}

/** `group/kind/name` as three labels. Names may contain slashes (`default/all-unauthenticated`): only the first two cut. */
function addKey(labels: MutableLabels, prefix: string, key: string): void {
  if (key === "") return;
  const [group = "", kind = "", ...name] = key.split("/");
  labels[`${prefix}_group`] = group;
  labels[`${prefix}_kind`] = kind;
  labels[`${prefix}_name`] = name.join("/");
}

function addEndpoint(labels: MutableLabels, endpoint: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(endpoint).sort()) {
    labels[`dst_${name.replaceAll(/[^a-zA-Z0-9_]/g, "_")}`] = endpoint[name]!;
  }
}
