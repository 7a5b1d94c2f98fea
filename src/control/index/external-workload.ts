import { isIP } from "node:net";
import { normaliseIp } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { INBOUND_PORT } from "../../base/names.ts";

/** A workload that runs where Kubernetes does not reach: a virtual machine, another platform. Its proxy is part of the mesh. */
export interface ExternalWorkload {
  /** SAN of its certificate: a DNS name, or a SPIFFE id. */
  readonly identity: string;
  /** SNI that it is asked with. */
  readonly serverName: string;
  readonly ips: readonly string[];
  readonly ports: readonly { readonly name: string | undefined; readonly port: number }[];
  /** Where its proxy takes mesh connections. */
  readonly inboundPort: number;
  readonly isReady: boolean;
}

/** A port with one of these names is the proxy's own. */
const PROXY_PORT_NAMES: ReadonlySet<string | undefined> = new Set(["meshctl-proxy", "linkerd-proxy"]);

const read = new WeakMap<KubeObject, ExternalWorkload>();

/** Objects do not change, so each is read once. */
export function readExternalWorkload(object: KubeObject): ExternalWorkload {
  let workload = read.get(object);
  if (!workload) read.set(object, (workload = convert(object)));
  return workload;
}

function convert({ spec, status, metadata }: KubeObject): ExternalWorkload {
  // v1alpha1 spells it differently.
  const { identity = "", serverName = "" } = spec?.meshTLS ?? spec?.meshTls ?? {};
  const ports = (spec?.ports ?? []) as { name?: string; port: number }[];
  const conditions = (status?.conditions ?? []) as { type: string; status: string }[];
  const ready = conditions.find(({ type }) => type === "Ready");
  return {
    identity,
    serverName: serverName || identity,
    // From a file anything may come.
    ips: (spec?.workloadIPs ?? [])
      .map(({ ip }: { ip: string }) => normaliseIp(String(ip)))
      .filter((ip: string) => isIP(ip) !== 0),
    ports: ports.map(({ name, port }) => ({ name, port })),
    inboundPort: ports.find(({ name }) => PROXY_PORT_NAMES.has(name))?.port ?? INBOUND_PORT,
    // Who says nothing about it is not watched over by anybody who would.
    isReady: metadata.deletionTimestamp === undefined && (ready === undefined || ready.status === "True"),
  };
}

export function isExternalWorkload(object: KubeObject): boolean {
  return object.kind === "ExternalWorkload";
}
