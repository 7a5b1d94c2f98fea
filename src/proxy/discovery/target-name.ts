import { isIP } from "node:net";
import { joinHostPort, networkContains, normaliseIp } from "../../base/ip.ts";
import type { ProxyConfig } from "../config.ts";
import type { OutboundTarget } from "../dependencies.ts";

/** A target in its normal form: what is literally an address is one, and names know how the control plane calls them. */
export type NamedTarget =
  | { readonly kind: "address"; readonly ip: string; readonly port: number }
  | {
      readonly kind: "authority";
      /** As the client wrote it, lower case, without a trailing dot: what DNS is asked for. */
      readonly name: string;
      /** The same as a fully qualified Service name, if it can be one. */
      readonly serviceName: string;
      readonly port: number;
    };

/**
 * Normalises a target.
 *
 * Applications write short names (`web`, `web.demo`), which the resolver of a pod completes by its search list. A proxy that is given the
 * name does the same: one label is a Service of the own namespace, two are Service and namespace. When no such Service exists, the
 * name is resolved as it was written.
 */
export function nameTarget(target: OutboundTarget, config: ProxyConfig): NamedTarget {
  const { port } = target;
  if (target.kind === "address") return { kind: "address", ip: normaliseIp(target.ip), port };
  const ip = normaliseIp(target.name);
  if (isIP(ip)) return { kind: "address", ip, port };
  const name = target.name.toLowerCase().replace(/\.$/, "");
  return { kind: "authority", name, serviceName: qualify(name, config), port };
}

/** Key under which watches of a target are shared. */
export function targetKey(target: NamedTarget): string {
  return target.kind === "address"
    ? joinHostPort(target.ip, target.port)
    : `${target.serviceName}:${target.port}`;
}

/** What GetProfile is asked for, or undefined when the target lies outside the networks and suffixes that have profiles. */
export function profilePath(target: NamedTarget, { destination }: ProxyConfig): string | undefined {
  if (target.kind === "address") {
    const isCovered = destination.profileNetworks.some((network) => networkContains(network, target.ip));
    return isCovered ? joinHostPort(target.ip, target.port) : undefined;
  }
  const isCovered = destination.profileSuffixes.some(
    (suffix) => suffix === "." || target.serviceName === suffix || target.serviceName.endsWith(`.${suffix}`),
  );
  return isCovered ? `${target.serviceName}:${target.port}` : undefined;
}

function qualify(name: string, config: ProxyConfig): string {
  const suffix =
    config.destination.profileSuffixes.find((candidate) => candidate.startsWith("svc.")) ??
    "svc.cluster.local";
  const labels = name.split(".");
  if (labels.length === 1) return `${name}.${ownNamespace(config)}.${suffix}`;
  if (labels.length === 2) return `${name}.${suffix}`;
  if (labels.length === 3 && labels[2] === "svc") return `${name}${suffix.slice("svc".length)}`;
  return name;
}

/** Out of the context token that the injector wrote, else out of the identity (`<sa>.<ns>.serviceaccount...`). */
function ownNamespace(config: ProxyConfig): string {
  try {
    const { ns } = JSON.parse(config.destination.context) as { ns?: unknown };
    if (typeof ns === "string" && ns !== "") return ns;
  } catch {
    // The token is opaque by contract: not being JSON is no error.
  }
  return config.identity.serverName.split(".")[1] ?? "default";
}
