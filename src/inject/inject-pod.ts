import { createHash } from "node:crypto";
import type { JsonPatchOperation, KubeObject } from "../base/kube-object.ts";
import {
  CONTROL_PLANE_NS_LABEL,
  CREATED_BY_ANNOTATION,
  INJECT_ANNOTATION,
  OWNER_LABEL_PREFIX,
  PROXY_VERSION_ANNOTATION,
  TRUST_ROOT_ANNOTATION,
  WORKLOAD_NS_LABEL,
} from "../base/names.ts";
import type { Values } from "../values/values.ts";
import {
  ADDITIONAL_ENV_ANNOTATION,
  applyAnnotations,
  INHERITED_KEYS,
  OPAQUE_PORTS_ANNOTATION,
} from "./config-annotations.ts";
import { debugContainer, initContainer, proxyContainer, proxyVolumes } from "./containers.ts";
import { clashes, effectiveInject, type InjectMode, type InjectReason, injectReasons } from "./decision.ts";
import { opaquePortsForPod, opaquePortsForService } from "./opaque-ports.ts";
import { annotationsOf, podSpecOf } from "./pod-spec.ts";

export interface InjectRequest {
  /** A Pod, or a pod template with any `apiVersion` and `kind`; only metadata and spec are read. */
  readonly pod: KubeObject;
  /** The pod's Namespace object, for inheritance; undefined when unknown. */
  readonly namespace: KubeObject | undefined;
  /** Top-most owner (ReplicaSet -> Deployment, Job -> CronJob); undefined for a bare pod. */
  readonly owner: { readonly kind: string; readonly name: string } | undefined;
  readonly values: Values;
  /** `webhook` asks pod and namespace whether to inject; `manual` does unless the pod says `disabled`. */
  readonly mode: InjectMode;
}

export interface InjectReport {
  readonly injected: boolean;
  /** Why not; empty when injected. `reasonText` gives the sentence. */
  readonly reasons: readonly InjectReason[];
  /** Malformed annotations, which were ignored. */
  readonly warnings: readonly string[];
}

/** Name that injectors leave in `meshctl.io/created-by`. */
const CREATED_BY: Readonly<Record<InjectMode, string>> = {
  webhook: "meshctl/proxy-injector",
  manual: "meshctl/cli",
};

/**
 * Decides whether a pod gets a proxy, and says how: JSON Patch operations with paths from the pod's root (`/spec/...`).
 *
 * A pod that gets none may still get its `opaque-ports` annotation in webhook mode. An empty patch changes nothing.
 *
 * @see reference control-plane 3.1 to 3.5
 */
export function injectPod(request: InjectRequest): { patch: JsonPatchOperation[]; report: InjectReport } {
  const { pod, namespace, owner, values, mode } = request;
  const reasons = [...injectReasons(pod, namespace, mode)];
  if (reasons.length === 0 && values.identityTrustAnchorsPem === "") reasons.push("identity_not_configured");

  const inherited = inheritedAnnotations(pod, namespace);
  const { settings: found, warnings } = applyAnnotations(
    values,
    { ...inherited, ...annotationsOf(pod) },
    annotationsOf(namespace)[ADDITIONAL_ENV_ANNOTATION],
  );
  if (reasons.length === 0) reasons.push(...clashes(podSpecOf(pod), found.values));
  // Manual injection leaves it out: `uninject` could not tell it from one that somebody wrote.
  const opaquePorts =
    mode === "webhook" ? opaquePortsForPod(pod, namespace, values.proxy.opaquePorts) : undefined;
  const opaque = opaquePorts === undefined ? {} : { [OPAQUE_PORTS_ANNOTATION]: opaquePorts };
  if (reasons.length > 0) {
    const patch = wantsPorts(reasons) ? metadataPatch(pod, "annotations", opaque) : [];
    return { patch, report: { injected: false, reasons, warnings } };
  }

  const inject = effectiveInject(pod, namespace);
  const settings = { ...found, ingressMode: inject === "ingress" };
  const spec = podSpecOf(pod);
  const annotations: Record<string, string> = {
    [CREATED_BY_ANNOTATION]: `${CREATED_BY[mode]} ${values.meshctlVersion}`,
    [PROXY_VERSION_ANNOTATION]: proxyVersion(settings.values, values),
    [TRUST_ROOT_ANNOTATION]: createHash("sha256").update(values.identityTrustAnchorsPem).digest("hex"),
    ...(mode === "webhook" && inject !== "" ? { [INJECT_ANNOTATION]: inject } : {}),
    ...inherited,
    ...opaque,
  };
  const namespaceName = namespace?.metadata.name ?? (pod.metadata?.namespace as string | undefined);
  const labels: Record<string, string> = {
    [CONTROL_PLANE_NS_LABEL]: values.namespace,
    ...(namespaceName === undefined ? {} : { [WORKLOAD_NS_LABEL]: namespaceName }),
    ...ownerLabel(owner),
  };
  const { proxy } = settings.values;
  const initContainers = spec.initContainers ?? [];
  const patch: JsonPatchOperation[] = [
    ...metadataPatch(pod, "annotations", annotations),
    ...metadataPatch(pod, "labels", labels, true),
    ...(!spec.volumes ? [{ op: "add" as const, path: "/spec/volumes", value: [] }] : []),
    ...proxyVolumes(settings).map((value) => ({ op: "add" as const, path: "/spec/volumes/-", value })),
  ];
  if (settings.debug.isEnabled) {
    patch.push({ op: "add", path: "/spec/containers/-", value: debugContainer(settings) });
  }
  const first: Record<string, unknown>[] = [];
  if (proxy.capture === "transparent") first.push(initContainer(settings));
  if (proxy.nativeSidecar) {
    // Redirect rules, then the proxy, then the pod's own init containers, which may already need the network.
    first.push(proxyContainer(settings, spec));
    if (!spec.initContainers) patch.push({ op: "add", path: "/spec/initContainers", value: [] });
    first.forEach((value, index) => {
      patch.push({ op: "add", path: `/spec/initContainers/${index}`, value });
    });
    return { patch, report: { injected: true, reasons, warnings } };
  }
  // A classic sidecar does not run yet when init containers do: rules come last, so that these reach the network.
  if (first.length > 0 && !spec.initContainers) {
    patch.push({ op: "add", path: "/spec/initContainers", value: [] });
  }
  first.forEach((value, index) => {
    patch.push({ op: "add", path: `/spec/initContainers/${initContainers.length + index}`, value });
  });
  const position = proxy.await ? "0" : "-";
  patch.push({ op: "add", path: `/spec/containers/${position}`, value: proxyContainer(settings, spec) });
  return { patch, report: { injected: true, reasons, warnings } };
}

/** A Service gets no proxy, only its `opaque-ports` annotation (reference control-plane 3.2). */
export function injectService(
  service: KubeObject,
  namespace: KubeObject | undefined,
  values: Values,
): JsonPatchOperation[] {
  const opaquePorts = opaquePortsForService(service, namespace, values.proxy.opaquePorts);
  return opaquePorts === undefined
    ? []
    : metadataPatch(service, "annotations", { [OPAQUE_PORTS_ANNOTATION]: opaquePorts });
}

/** Configuration that the namespace has and the pod lacks. */
function inheritedAnnotations(pod: KubeObject, namespace: KubeObject | undefined): Record<string, string> {
  const inherited: Record<string, string> = {};
  const own = annotationsOf(pod);
  for (const key of INHERITED_KEYS) {
    const value = annotationsOf(namespace)[key];
    if (value !== undefined && own[key] === undefined && key !== OPAQUE_PORTS_ANNOTATION)
      inherited[key] = value;
  }
  return inherited;
}

/** Pods outside the mesh keep their ports' protocol known to those inside it; those that have a proxy already are left alone. */
function wantsPorts(reasons: readonly InjectReason[]): boolean {
  return !reasons.includes("sidecar_already_exists");
}

/** The installation's own image is of its own version, whatever its tag says; another one has only its tag to tell. */
function proxyVersion({ proxy }: Values, installed: Values): string {
  const { name, version } = installed.proxy.image;
  const isOwn = proxy.image.name === name && proxy.image.version === version;
  return isOwn || proxy.image.version === "" ? installed.meshctlVersion : proxy.image.version;
}

/** Names may be longer than label values; a label that the API server refuses would cost the pod. */
function ownerLabel(owner: InjectRequest["owner"]): Record<string, string> {
  if (owner === undefined || !/^[a-zA-Z0-9]([\w.-]{0,61}[a-zA-Z0-9])?$/.test(owner.name)) return {};
  return { [OWNER_LABEL_PREFIX + owner.kind.toLowerCase()]: owner.name };
}

/** Adds entries to `/metadata/annotations` or `/metadata/labels`, making the map, and metadata, when absent. */
function metadataPatch(
  object: KubeObject,
  map: "annotations" | "labels",
  entries: Readonly<Record<string, string>>,
  metadataExists = Boolean(object.metadata),
): JsonPatchOperation[] {
  if (Object.keys(entries).length === 0) return [];
  const patch: JsonPatchOperation[] = [];
  if (!metadataExists) patch.push({ op: "add", path: "/metadata", value: {} });
  if (!object.metadata?.[map]) patch.push({ op: "add", path: `/metadata/${map}`, value: {} });
  for (const [key, value] of Object.entries(entries)) {
    patch.push({
      op: "add",
      path: `/metadata/${map}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`,
      value,
    });
  }
  return patch;
}
