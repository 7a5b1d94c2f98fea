import type { KubeObject } from "../../../base/kube-object.ts";
import type { Column } from "./column.ts";
import { AGE, labelText, NAME, wide } from "./common.ts";

/** kubectl shows so many endpoints, then `+ n more...`. */
const ENDPOINTS_SHOWN = 3;

export const NETWORK_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  "/services": [
    NAME,
    { name: "Type", cell: (service) => service.spec?.type ?? "" },
    { name: "Cluster-IP", cell: (service) => service.spec?.clusterIP || "<none>" },
    { name: "External-IP", cell: externalIp },
    { name: "Port(s)", cell: ports },
    AGE,
    wide({ name: "Selector", cell: (service) => labelText(service.spec?.selector) }),
  ],
  "/endpoints": [NAME, { name: "Endpoints", cell: endpoints }, AGE],
  "discovery.k8s.io/endpointslices": [
    NAME,
    { name: "AddressType", cell: (slice) => slice.addressType ?? "" },
    { name: "Ports", cell: slicePorts },
    { name: "Endpoints", cell: sliceAddresses },
    AGE,
  ],
};

function externalIp(service: KubeObject): string {
  const spec = service.spec ?? {};
  if (spec.type === "ExternalName") return spec.externalName ?? "<none>";
  const ingress: { ip?: string; hostname?: string }[] = service.status?.loadBalancer?.ingress ?? [];
  const all = [...ingress.map((each) => each.ip ?? each.hostname ?? ""), ...(spec.externalIPs ?? [])];
  if (all.length > 0) return all.join(",");
  return spec.type === "LoadBalancer" ? "<pending>" : "<none>";
}

function ports(service: KubeObject): string {
  const list: { port: number; nodePort?: number; protocol: string }[] = service.spec?.ports ?? [];
  if (list.length === 0) return "<none>";
  return list
    .map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ""}/${protocol}`)
    .join(",");
}

function endpoints(object: KubeObject): string {
  const all: string[] = [];
  for (const subset of object.subsets ?? []) {
    const portNumbers: { port: number }[] = subset.ports ?? [];
    for (const { ip } of subset.addresses ?? []) {
      if (portNumbers.length === 0) all.push(ip);
      for (const { port } of portNumbers) all.push(`${ip}:${port}`);
    }
  }
  return shorten(all);
}

function slicePorts(slice: KubeObject): string {
  const list: { port?: number }[] = slice.ports ?? [];
  return list.length === 0 ? "<unset>" : list.map(({ port }) => port ?? "*").join(",");
}

function sliceAddresses(slice: KubeObject): string {
  const list: { addresses?: string[] }[] = slice.endpoints ?? [];
  return list.length === 0
    ? "<unset>"
    : shorten(
        list.flatMap((each) => each.addresses ?? []),
        ",",
      );
}

function shorten(all: readonly string[], separator = ","): string {
  if (all.length === 0) return "<none>";
  const shown = all.slice(0, ENDPOINTS_SHOWN).join(separator);
  return all.length > ENDPOINTS_SHOWN ? `${shown} + ${all.length - ENDPOINTS_SHOWN} more...` : shown;
}
