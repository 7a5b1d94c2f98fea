import { Destination, type WeightedAddr } from "../api/gen/io/linkerd/proxy/destination_pb.js";
import type { TcpAddress } from "../api/gen/io/linkerd/proxy/net_pb.js";
import { DESTINATION_PORT } from "../base/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { askController } from "./controller.ts";
import { formatIpv4, formatIpv6 } from "./format-address.ts";

/** An endpoint as a client's proxy is told of it. */
export interface EndpointRow {
  readonly namespace: string;
  readonly ip: string;
  readonly port: number;
  readonly pod: string;
  /** `web.demo`. */
  readonly service: string;
  readonly weight: number;
  /** Flow control and the like, when the controller says something about HTTP/2. */
  readonly http2: object | undefined;
  /** Mesh identity of the endpoint, "" without one: clients then speak plaintext. */
  readonly identity: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface EndpointsQuery {
  /** `web.demo.svc.cluster.local:8080`. */
  readonly authority: string;
  /** Control-plane namespace. */
  readonly namespace: string;
  readonly pod: string | undefined;
  /** As ControllerQuestion.address. */
  readonly address?: string | undefined;
  /** Who asks: `{"ns":"demo","nodeName":"n1"}`. */
  readonly token: string;
}

/** The endpoints of one name, sorted by namespace, address and port. @throws MeshError as `askController` */
export async function collectEndpoints(
  kube: KubeClient,
  query: EndpointsQuery,
  signal: AbortSignal,
): Promise<readonly EndpointRow[]> {
  const { update } = await askController(
    kube,
    {
      namespace: query.namespace,
      pod: query.pod,
      address: query.address,
      port: DESTINATION_PORT,
      method: Destination.method.get,
      request: { scheme: "k8s", path: query.authority, contextToken: query.token },
    },
    signal,
  );
  if (update.case !== "add") return [];
  const { addrs, metricLabels } = update.value;
  return addrs.map((addr) => readEndpoint(addr, metricLabels)).sort(compare);
}

function readEndpoint(addr: WeightedAddr, shared: Readonly<Record<string, string>>): EndpointRow {
  const labels = { ...shared, ...addr.metricLabels };
  const namespace = labels.namespace ?? "";
  const strategy = addr.tlsIdentity?.strategy;
  return {
    namespace,
    ip: formatAddress(addr.addr),
    port: addr.addr?.port ?? 0,
    pod: labels.pod ?? "",
    service: labels.service === undefined ? "" : `${labels.service}.${namespace}`,
    weight: addr.weight,
    http2: addr.http2 && (addr.http2.flowControl || addr.http2.keepAlive) ? plain(addr.http2) : undefined,
    identity:
      strategy?.case === "dnsLikeIdentity"
        ? strategy.value.name
        : strategy?.case === "uriLikeIdentity"
          ? strategy.value.uri
          : "",
    labels,
  };
}

function formatAddress(address: TcpAddress | undefined): string {
  const ip = address?.ip?.ip;
  if (ip?.case === "ipv4") return formatIpv4(ip.value);
  return ip?.case === "ipv6" ? formatIpv6(ip.value.first, ip.value.last) : "";
}

/** Without the message's own type name. */
function plain(message: object): object {
  return JSON.parse(JSON.stringify(message, (key, value) => (key.startsWith("$") ? undefined : value)));
}

function compare(a: EndpointRow, b: EndpointRow): number {
  const key = (row: EndpointRow): string => `${row.namespace}\u0000${row.ip}\u0000${row.port}`;
  return key(a) < key(b) ? -1 : 1;
}
