import { type KubeObject, type LabelSelector, matchesSelector } from "../../../base/kube-object.ts";
import { DEFAULT_POLICIES, type DefaultPolicy } from "../../../policy/default-policy.ts";
import { isExternalWorkload } from "../../index/external-workload.ts";
import { createParser } from "./parse-spec.ts";

export const SERVER_PROTOCOLS = ["unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"] as const;
export type ServerProtocol = (typeof SERVER_PROTOCOLS)[number];

/** A port of a set of pods. */
export interface ServerSpec {
  /** Undefined: it selects no pods, but external workloads. */
  readonly podSelector: LabelSelector | undefined;
  readonly externalWorkloadSelector: LabelSelector | undefined;
  readonly port: number | string;
  readonly protocol: ServerProtocol;
  readonly accessPolicy: DefaultPolicy;
}

export const parseServer = createParser<ServerSpec>((spec, report) => {
  const {
    podSelector,
    externalWorkloadSelector,
    port,
    proxyProtocol = "unknown",
    accessPolicy = "deny",
  } = spec;
  if ((podSelector === undefined) === (externalWorkloadSelector === undefined)) {
    report("podSelector", "give exactly one of podSelector and externalWorkloadSelector");
  }
  if (!isPort(port)) {
    report(
      "port",
      `${JSON.stringify(port)} is no port: write a number from 1 to 65535, or the name of a container's port`,
    );
  }
  const protocol = SERVER_PROTOCOLS.find((name) => name === proxyProtocol);
  if (!protocol) {
    report("proxyProtocol", `"${proxyProtocol}" is unknown: write one of ${SERVER_PROTOCOLS.join(", ")}`);
  }
  const policy = DEFAULT_POLICIES.find((name) => name === accessPolicy);
  if (!policy) {
    report("accessPolicy", `"${accessPolicy}" is unknown: write one of ${DEFAULT_POLICIES.join(", ")}`);
  }
  return { podSelector, externalWorkloadSelector, port, protocol: protocol!, accessPolicy: policy! };
});

/** Whether a Server is about a port of a pod, or ExternalWorkload, in its namespace. */
export function selectsPort(server: ServerSpec, pod: KubeObject, port: number): boolean {
  const selector = isExternalWorkload(pod) ? server.externalWorkloadSelector : server.podSelector;
  if (!selector || !matchesSelector(selector, pod.metadata.labels)) return false;
  if (typeof server.port === "number") return server.port === port;
  return tcpPorts(pod).some(({ name, containerPort }) => name === server.port && containerPort === port);
}

interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: string;
}

function tcpPorts(pod: KubeObject): ContainerPort[] {
  if (isExternalWorkload(pod)) {
    return (pod.spec?.ports ?? []).flatMap(({ port, ...rest }: { port: number; protocol?: string }) =>
      rest.protocol === "UDP" ? [] : [{ ...rest, containerPort: port }],
    );
  }
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return containers.flatMap(({ ports = [] }: { ports?: ContainerPort[] }) =>
    ports.filter(({ protocol = "TCP" }) => protocol === "TCP"),
  );
}

function isPort(port: unknown): boolean {
  if (typeof port === "number") return Number.isInteger(port) && port >= 1 && port <= 65_535;
  // A number in quotes is a name to Kubernetes, and no port has such a name.
  return typeof port === "string" && /^(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/i.test(port);
}
