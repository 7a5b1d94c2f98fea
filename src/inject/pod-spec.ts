import type { KubeObject } from "../base/kube-object.ts";
import { isTree } from "../values/merge.ts";

/** The parts of a pod's spec that injection reads; anything else passes through untouched. */
export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly serviceAccountName?: string;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
}

export interface Container {
  readonly name?: string;
  readonly image?: string;
  readonly ports?: readonly ContainerPort[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly restartPolicy?: string;
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort?: number;
  readonly protocol?: string;
}

interface Probe {
  readonly httpGet?: { readonly port?: number | string };
}

/** The spec as far as it is one: manifests are read before any API server has looked at them. */
export function podSpecOf(pod: KubeObject): PodSpec {
  return isTree(pod.spec) ? (pod.spec as PodSpec) : {};
}

/** Containers of a spec; what is no list of maps counts as none. */
export function containersOf(spec: PodSpec): readonly Container[] {
  return mapsOf(spec.containers);
}

export function initContainersOf(spec: PodSpec): readonly Container[] {
  return mapsOf(spec.initContainers);
}

export function portsOf(container: Container): readonly ContainerPort[] {
  return mapsOf(container.ports);
}

/** Annotations that are text; others are the API server's to refuse. */
export function annotationsOf(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return textEntries(isTree(object?.metadata) ? object.metadata.annotations : undefined);
}

export function textEntries(value: unknown): Readonly<Record<string, string>> {
  if (!isTree(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** Whether annotations and labels can be put into an object: where maps belong there are maps, or nothing yet. */
export function hasUsableMetadata(object: Readonly<Record<string, unknown>>): boolean {
  const isMap = (value: unknown) => value === undefined || value === null || isTree(value);
  if (!isMap(object.metadata)) return false;
  const metadata = (object.metadata ?? {}) as Record<string, unknown>;
  return isMap(metadata.annotations) && isMap(metadata.labels);
}

function mapsOf<T>(list: readonly T[] | undefined): readonly T[] {
  const items: readonly T[] = Array.isArray(list) ? list : [];
  return items.filter((item: unknown) => isTree(item));
}

/** Ports that reach the application over TCP: container ports, and numeric HTTP probe ports; ascending. */
export function inboundPorts(spec: PodSpec): number[] {
  const ports = new Set<number>();
  for (const container of [...containersOf(spec), ...sidecars(spec)]) {
    for (const port of portsOf(container)) {
      if (typeof port.containerPort === "number" && (port.protocol ?? "TCP") === "TCP")
        ports.add(port.containerPort);
    }
    for (const probe of [container.livenessProbe, container.readinessProbe]) {
      const port = probe?.httpGet?.port;
      if (typeof port === "number") ports.add(port);
    }
  }
  return [...ports].sort((left, right) => left - right);
}

/** Init containers that keep running serve ports like any container. */
function sidecars(spec: PodSpec): Container[] {
  return initContainersOf(spec).filter((container) => container.restartPolicy === "Always");
}
