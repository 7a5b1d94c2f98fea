import type { KubeObject } from "../base/kube-object.ts";

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

export function podSpecOf(pod: KubeObject): PodSpec {
  return (pod.spec ?? {}) as PodSpec;
}

export function annotationsOf(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return object?.metadata?.annotations ?? {};
}

/** Ports that reach the application over TCP: container ports, and numeric HTTP probe ports; ascending. */
export function inboundPorts(spec: PodSpec): number[] {
  const ports = new Set<number>();
  for (const container of [...(spec.containers ?? []), ...sidecars(spec)]) {
    for (const port of container.ports ?? []) {
      if (port.containerPort !== undefined && (port.protocol ?? "TCP") === "TCP")
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
  return (spec.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
}
