import { trySplitHostPort } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import {
  ADMIN_PORT,
  COMPONENT_LABEL,
  CONFIG_PREFIX,
  CONTROL_PLANE_NS_LABEL,
  OWNER_LABEL_PREFIX,
  PROXY_CONTAINER,
  TAP_PORT,
  workloadIdentity,
} from "../../base/names.ts";
import { parsePortRanges, rangesContain } from "../../values/port-ranges.ts";
import type { ControlSettings } from "../control-settings.ts";
import { isExternalWorkload, readExternalWorkload } from "./external-workload.ts";

export const OPAQUE_PORTS_ANNOTATION = `${CONFIG_PREFIX}opaque-ports`;
export const SKIP_INBOUND_ANNOTATION = `${CONFIG_PREFIX}skip-inbound-ports`;

/** How a port of a pod takes part in the mesh. */
export type MeshRole =
  | { readonly kind: "outside" }
  /** A proxy stands in front; its direct listener's port is undefined for the proxy's own ports. */
  | {
      readonly kind: "proxied";
      readonly identity: string | undefined;
      readonly inboundPort: number | undefined;
    }
  /** It terminates mesh TLS itself, as the control plane does. */
  | { readonly kind: "terminates"; readonly identity: string };

export function meshRole(pod: KubeObject, port: number, settings: ControlSettings): MeshRole {
  const labels = pod.metadata.labels ?? {};
  if (labels[COMPONENT_LABEL] !== undefined && pod.metadata.namespace === settings.namespace) {
    return { kind: "terminates", identity: identityOf(pod, settings) };
  }
  const controlPlane = labels[CONTROL_PLANE_NS_LABEL] ?? "";
  if (controlPlane === "") return { kind: "outside" };
  const skipped = parsePortRanges(pod.metadata.annotations?.[SKIP_INBOUND_ANNOTATION] ?? "").ranges;
  if (rangesContain(skipped, port)) return { kind: "outside" };
  const isOwnPort =
    port === proxyPort(pod, "ADMIN_LISTEN_ADDR", ADMIN_PORT) ||
    port === proxyPort(pod, "CONTROL_LISTEN_ADDR", TAP_PORT);
  return {
    kind: "proxied",
    // Another control plane's pods have names that its own authority signs.
    identity: controlPlane === settings.namespace ? identityOf(pod, settings) : undefined,
    inboundPort: isOwnPort ? undefined : proxyPort(pod, "INBOUND_LISTEN_ADDR", settings.inboundPort),
  };
}

export function identityOf(pod: KubeObject, settings: ControlSettings): string {
  const account = pod.spec?.serviceAccountName || "default";
  return workloadIdentity(account, pod.metadata.namespace ?? "", settings.namespace, settings.trustDomain);
}

/** Whether a port of a pod carries bytes that nobody should look into: by its annotation, else by the cluster's default. */
export function isOpaquePort(pod: KubeObject, port: number, settings: ControlSettings): boolean {
  const annotation = pod.metadata.annotations?.[OPAQUE_PORTS_ANNOTATION];
  if (annotation === undefined) return rangesContain(settings.defaultOpaquePorts, port);
  return listsPort(annotation, port, containerPorts(pod));
}

/** The same for a port of a Service. */
export function isOpaqueServicePort(service: KubeObject, port: number, settings: ControlSettings): boolean {
  const annotation = service.metadata.annotations?.[OPAQUE_PORTS_ANNOTATION];
  if (annotation === undefined) return rangesContain(settings.defaultOpaquePorts, port);
  const ports = (service.spec?.ports ?? []) as { name?: string; port: number }[];
  return listsPort(
    annotation,
    port,
    ports.map(({ name, port: number }) => ({ name, number })),
  );
}

/** Whether `80,8000-8010,http` covers a port. */
export function listsPort(
  text: string,
  port: number,
  named: readonly { readonly name: string | undefined; readonly number: number }[],
): boolean {
  const { ranges, invalid } = parsePortRanges(text);
  if (rangesContain(ranges, port)) return true;
  return named.some(({ name, number }) => number === port && name !== undefined && invalid.includes(name));
}

/** Ports that a pod's containers, or an ExternalWorkload, say they have. */
export function containerPorts(
  pod: KubeObject,
): { readonly name: string | undefined; readonly number: number }[] {
  if (isExternalWorkload(pod)) {
    return readExternalWorkload(pod).ports.map(({ name, port }) => ({ name, number: port }));
  }
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return containers.flatMap((container: { ports?: { name?: string; containerPort: number }[] }) =>
    (container.ports ?? []).map(({ name, containerPort }) => ({ name, number: containerPort })),
  );
}

/** Kind (lower case) and name of the workload that a pod belongs to. */
export function ownerOf(pod: KubeObject): { readonly kind: string; readonly name: string } | undefined {
  for (const [label, name] of Object.entries(pod.metadata.labels ?? {})) {
    if (label.startsWith(OWNER_LABEL_PREFIX)) return { kind: label.slice(OWNER_LABEL_PREFIX.length), name };
  }
  const owner =
    pod.metadata.ownerReferences?.find(({ controller }) => controller) ?? pod.metadata.ownerReferences?.[0];
  if (!owner) return undefined;
  // A Deployment names its ReplicaSets `<deployment>-<pod-template-hash>`.
  const hash = pod.metadata.labels?.["pod-template-hash"];
  if (owner.kind === "ReplicaSet" && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return { kind: "deployment", name: owner.name.slice(0, -hash.length - 1) };
  }
  return { kind: owner.kind.toLowerCase(), name: owner.name };
}

/** A port that the pod's proxy was told by its environment. */
function proxyPort(pod: KubeObject, suffix: string, fallback: number): number {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  for (const container of containers) {
    if (container.name !== PROXY_CONTAINER && container.name !== "linkerd-proxy") continue;
    for (const variable of container.env ?? []) {
      if (variable.name !== `MESHCTL_PROXY_${suffix}` && variable.name !== `LINKERD2_PROXY_${suffix}`)
        continue;
      const port = trySplitHostPort(String(variable.value ?? ""))?.port;
      if (port !== undefined) return port;
    }
  }
  const annotation = Number(pod.metadata.annotations?.[`${CONFIG_PREFIX}${ANNOTATIONS[suffix]}`]);
  return Number.isInteger(annotation) && annotation > 0 ? annotation : fallback;
}

/** With explicit capture the kubelet sets the addresses, and only the annotation tells of another port. */
const ANNOTATIONS: Readonly<Record<string, string>> = {
  INBOUND_LISTEN_ADDR: "inbound-port",
  ADMIN_LISTEN_ADDR: "admin-port",
  CONTROL_LISTEN_ADDR: "control-port",
};
