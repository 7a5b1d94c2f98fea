/** Manifests of the suite's pods. */
import { APPS_IMAGE } from "./cluster.ts";

export interface WorkloadSpec {
  readonly namespace: string;
  readonly name: string;
  readonly command: readonly string[];
  readonly replicas?: number;
  /** Ports of its Service, each the pod's own port too; none: no Service. */
  readonly ports?: readonly number[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** An HTTP path that answers once the program is ready, on the first port. */
  readonly ready?: string;
  /**
   * Ports that take connections once the program is ready. Asked from within: a TCP probe of the kubelet's reaches the pod's
   * proxy, which takes connections before the program does.
   */
  readonly readyTcp?: readonly number[];
  readonly terminationGraceSeconds?: number;
  /** Before the program is told to end, so that clients have heard of it. */
  readonly preStopSeconds?: number;
  readonly headless?: boolean;
  readonly files?: Readonly<Record<string, string>>;
  readonly surge?: number;
}

/** Runs until the pod ends: for containers in which the test starts programs itself. */
export const IDLE = ["sleep", "1000000"];

export function deployment(spec: WorkloadSpec): object[] {
  return [
    ...configOf(spec),
    ...serviceOf(spec),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: spec.name, namespace: spec.namespace },
      spec: {
        replicas: spec.replicas ?? 1,
        selector: { matchLabels: { app: spec.name } },
        strategy: { rollingUpdate: { maxSurge: spec.surge ?? 1, maxUnavailable: 0 } },
        template: podTemplate(spec),
      },
    },
  ];
}

export function statefulSet(spec: WorkloadSpec): object[] {
  return [
    ...configOf(spec),
    ...serviceOf(spec),
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: spec.name, namespace: spec.namespace },
      spec: {
        replicas: spec.replicas ?? 1,
        serviceName: spec.name,
        podManagementPolicy: "Parallel",
        selector: { matchLabels: { app: spec.name } },
        template: podTemplate(spec),
      },
    },
  ];
}

export function job(spec: WorkloadSpec): object[] {
  const template = podTemplate(spec);
  return [
    {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: spec.name, namespace: spec.namespace },
      spec: {
        backoffLimit: 0,
        template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } },
      },
    },
  ];
}

const connects = (port: number) => `nc -w 5 127.0.0.1 ${port} </dev/null >/dev/null`;

function podTemplate(spec: WorkloadSpec) {
  const probe = spec.ready
    ? { httpGet: { path: spec.ready, port: spec.ports![0]! } }
    : spec.readyTcp
      ? { exec: { command: ["sh", "-c", spec.readyTcp.map(connects).join(" && ")] }, timeoutSeconds: 10 }
      : undefined;
  return {
    metadata: {
      labels: { app: spec.name },
      ...(spec.annotations ? { annotations: spec.annotations } : {}),
    },
    spec: {
      terminationGracePeriodSeconds: spec.terminationGraceSeconds ?? 2,
      containers: [
        {
          name: "app",
          image: APPS_IMAGE,
          imagePullPolicy: "IfNotPresent",
          command: spec.command,
          env: [
            { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            ...Object.entries(spec.env ?? {}).map(([name, value]) => ({ name, value })),
          ],
          ...(spec.ports ? { ports: spec.ports.map((containerPort) => ({ containerPort })) } : {}),
          ...(probe ? { readinessProbe: { ...probe, periodSeconds: 1 } } : {}),
          ...(spec.preStopSeconds
            ? { lifecycle: { preStop: { sleep: { seconds: spec.preStopSeconds } } } }
            : {}),
          ...(spec.files ? { volumeMounts: [{ name: "files", mountPath: "/files" }] } : {}),
        },
      ],
      ...(spec.files ? { volumes: [{ name: "files", configMap: { name: `${spec.name}-files` } }] } : {}),
    },
  };
}

function configOf(spec: WorkloadSpec): object[] {
  if (!spec.files) return [];
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `${spec.name}-files`, namespace: spec.namespace },
      data: spec.files,
    },
  ];
}

function serviceOf(spec: WorkloadSpec): object[] {
  if (!spec.ports) return [];
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: spec.name, namespace: spec.namespace },
      spec: {
        ...(spec.headless ? { clusterIP: "None" } : {}),
        selector: { app: spec.name },
        ports: spec.ports.map((port) => ({ name: `p${port}`, port, targetPort: port })),
      },
    },
  ];
}

export const goServer = (spec: Omit<WorkloadSpec, "command" | "ports" | "ready"> & { args?: string[] }) =>
  deployment({
    ...spec,
    command: ["app", "serve", ...(spec.args ?? [])],
    ports: [8080],
    ready: "/ready",
  });
