import type { KubeObject } from "../base/kube-object.ts";
import { CONFIG_PREFIX, INIT_CONTAINER, INJECT_ANNOTATION, PROXY_CONTAINER } from "../base/names.ts";
import type { Values } from "../values/values.ts";
import {
  annotationsOf,
  type Container,
  type ContainerPort,
  containersOf,
  hasUsableMetadata,
  initContainersOf,
  type PodSpec,
  podSpecOf,
  portsOf,
} from "./pod-spec.ts";

/** Why a pod gets no proxy. The words are stable: events and metrics carry them. */
export type InjectReason =
  | "invalid_inject_annotation_at_ns"
  | "invalid_inject_annotation_at_workload"
  | "injection_disable_annotation_present"
  | "injection_enable_annotation_absent"
  | "host_network_enabled"
  | "sidecar_already_exists"
  | "unsupported_resource"
  | "proxy_user_clash"
  | "proxy_port_clash"
  | "identity_not_configured";

const REASON_TEXT: Readonly<Record<InjectReason, string>> = {
  invalid_inject_annotation_at_ns: `the namespace's annotation ${INJECT_ANNOTATION} is none of enabled, ingress, disabled`,
  invalid_inject_annotation_at_workload: `annotation ${INJECT_ANNOTATION} is none of enabled, ingress, disabled`,
  injection_disable_annotation_present: `annotation ${INJECT_ANNOTATION} is "disabled"`,
  injection_enable_annotation_absent: `neither the pod nor its namespace has annotation ${INJECT_ANNOTATION}: enabled`,
  host_network_enabled: "hostNetwork is enabled",
  sidecar_already_exists: "pod has a sidecar injected already",
  unsupported_resource: "this resource is unsupported",
  proxy_user_clash: `a container runs as the proxy's user or group, whose connections are not redirected; change its runAsUser, or annotate ${CONFIG_PREFIX}proxy-uid`,
  proxy_port_clash: `a container's port is one that the proxy listens on; change it, or annotate ${CONFIG_PREFIX}inbound-port, outbound-port, admin-port or control-port`,
  identity_not_configured: "the installation's values have no trust anchors",
};

export function reasonText(reason: InjectReason): string {
  return REASON_TEXT[reason];
}

export type InjectMode = "webhook" | "manual";

/** What a pod says about itself, before any decision. */
export interface PodFacts {
  readonly hostNetwork: boolean;
  /** A proxy of ours, Linkerd's or Istio's. */
  readonly sidecar: boolean;
  readonly udpPorts: boolean;
}

export function inspectPod(spec: PodSpec): PodFacts {
  const all = [...initContainersOf(spec), ...containersOf(spec)];
  return {
    hostNetwork: spec.hostNetwork === true,
    sidecar: all.some(isProxy),
    udpPorts: containersOf(spec).some((container) =>
      portsOf(container).some((port) => port.protocol === "UDP"),
    ),
  };
}

/**
 * Whether a pod gets a proxy (reference control-plane 3.1). An empty list means yes.
 *
 * Annotations decide first and give one reason; the pod's own obstacles are all reported together. In manual mode nobody
 * has to ask for the proxy by annotation, but `disabled` still stands.
 */
export function injectReasons(
  pod: KubeObject,
  namespace: KubeObject | undefined,
  mode: InjectMode,
): readonly InjectReason[] {
  const reasons: InjectReason[] = [];
  const byAnnotation = annotationReason(pod, namespace, mode);
  if (byAnnotation) reasons.push(byAnnotation);
  const facts = inspectPod(podSpecOf(pod));
  if (facts.hostNetwork) reasons.push("host_network_enabled");
  if (facts.sidecar) reasons.push("sidecar_already_exists");
  if (!isPodShaped(podSpecOf(pod)) || !hasUsableMetadata(pod)) reasons.push("unsupported_resource");
  return reasons;
}

/**
 * Obstacles that depend on how this pod's proxy is set up. With explicit capture there are none: nothing is told by user, and the
 * application listens on another address.
 */
export function clashes(spec: PodSpec, { proxy }: Values): readonly InjectReason[] {
  if (proxy.capture !== "transparent") return [];
  const all = [...initContainersOf(spec), ...containersOf(spec)];
  const runsAs = (key: "runAsUser" | "runAsGroup", id: number): boolean =>
    all.some((container) => (container.securityContext?.[key] ?? spec.securityContext?.[key]) === id);
  const taken = new Set(Object.values(proxy.ports));
  const reasons: InjectReason[] = [];
  if (runsAs("runAsUser", proxy.uid) || (proxy.gid > 0 && runsAs("runAsGroup", proxy.gid))) {
    reasons.push("proxy_user_clash");
  }
  const listens = ({ containerPort, protocol = "TCP" }: ContainerPort): boolean =>
    protocol === "TCP" && containerPort !== undefined && taken.has(containerPort);
  if (all.some((container) => portsOf(container).some(listens))) reasons.push("proxy_port_clash");
  return reasons;
}

/** Whether lists are lists, so that a proxy can be put into them. */
export function isPodShaped(spec: PodSpec): boolean {
  const isList = (value: unknown) => value === undefined || value === null || Array.isArray(value);
  return Array.isArray(spec.containers) && isList(spec.initContainers) && isList(spec.volumes);
}

/** The value in force: the pod's, else its namespace's. */
export function effectiveInject(pod: KubeObject, namespace: KubeObject | undefined): string {
  return annotationsOf(pod)[INJECT_ANNOTATION] || annotationsOf(namespace)[INJECT_ANNOTATION] || "";
}

function annotationReason(
  pod: KubeObject,
  namespace: KubeObject | undefined,
  mode: InjectMode,
): InjectReason | undefined {
  const ofNamespace = annotationsOf(namespace)[INJECT_ANNOTATION] ?? "";
  const ofPod = annotationsOf(pod)[INJECT_ANNOTATION] ?? "";
  if (!isLegal(ofNamespace)) return "invalid_inject_annotation_at_ns";
  if (!isLegal(ofPod)) return "invalid_inject_annotation_at_workload";
  if (ofPod === "disabled") return "injection_disable_annotation_present";
  if (enables(ofPod) || enables(ofNamespace) || mode === "manual") return undefined;
  return "injection_enable_annotation_absent";
}

export function isLegal(value: string): boolean {
  return value === "" || value === "disabled" || enables(value);
}

function enables(value: string): boolean {
  return value === "enabled" || value === "ingress";
}

const PROXY_NAMES: ReadonlySet<string> = new Set([
  PROXY_CONTAINER,
  INIT_CONTAINER,
  "linkerd-proxy",
  "linkerd-init",
  "istio-proxy",
  "istio-init",
]);
const PROXY_IMAGES = [
  "cr.l5d.io/linkerd/proxy:",
  "gcr.io/linkerd-io/proxy:",
  "ghcr.io/linkerd/proxy:",
  "docker.io/istio/proxyv2:",
  "gcr.io/istio-release/proxyv2:",
];

function isProxy(container: Container): boolean {
  if (PROXY_NAMES.has(container.name ?? "")) return true;
  const { image } = container;
  return typeof image === "string" && PROXY_IMAGES.some((prefix) => image.startsWith(prefix));
}
