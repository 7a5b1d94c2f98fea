import type { KubeObject } from "../../base/kube-object.ts";
import { ADMIN_PORT, INBOUND_PORT, OUTBOUND_PORT, TAP_PORT } from "../../base/names.ts";
import { resolveTargetPort } from "../controllers/endpoint-slices.ts";
import type { PodAddresses } from "./addresses.ts";

/**
 * How the processes of a pod learn the network of design section 8: pure functions from the pod, its addresses and the
 * Services to environment variables.
 */
export interface PodNetworkInput {
  readonly pod: KubeObject;
  readonly addresses: PodAddresses;
  /** Services of the pod's namespace. */
  readonly services: readonly KubeObject[];
  readonly clusterDomain: string;
  /** `ip:port` of the cluster DNS. */
  readonly dnsServer: string;
}

export interface PodNetworkEnvironment {
  readonly isMeshed: boolean;
  /** Name of the container that is the proxy, when meshed. */
  readonly proxyContainer: string | undefined;
  /** For the proxy's container; these outrank its own `env`. Empty when not meshed. */
  readonly proxy: Readonly<Record<string, string>>;
  /** For every other container; its own `env` outranks these. */
  readonly application: Readonly<Record<string, string>>;
}

/** First of a meshed pod's ports for Services (on its private address). */
const SERVICE_LISTENER_BASE = 20_001;
const PROXY_PORTS: ReadonlySet<number> = new Set([OUTBOUND_PORT, INBOUND_PORT, TAP_PORT, ADMIN_PORT]);

interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly protocol?: string;
  }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
}

interface Probe {
  readonly httpGet?: { readonly port: number | string };
  readonly tcpSocket?: { readonly port: number | string };
}

interface ServiceListener {
  readonly service: string;
  readonly port: number;
  readonly listenPort: number;
}

export function podNetworkEnvironment(input: PodNetworkInput): PodNetworkEnvironment {
  const { pod, addresses } = input;
  const ownNetworks = `${addresses.publicIp}/32,${addresses.privateIp}/32`;
  const proxyContainer = proxyContainerOf(pod);
  if (!proxyContainer) {
    return {
      isMeshed: false,
      proxyContainer: undefined,
      proxy: {},
      application: {
        LISTEN_HOST: addresses.publicIp,
        // Of a control plane: all pods have addresses of loopback, which here says nothing.
        MESHCTL_PROXY_OWN_NETWORKS: ownNetworks,
        MESHCTL_PROXY_DNS_SERVERS: input.dnsServer,
        ...serviceVariables(input.services, (service) => service.spec.clusterIP),
      },
    };
  }
  const { publicIp, privateIp } = addresses;
  const listeners = serviceListeners(input.services);
  const outbound = listeners.map(
    ({ service, port, listenPort }) =>
      `${privateIp}:${listenPort}=${service}.${pod.metadata.namespace}.svc.${input.clusterDomain}:${port}`,
  );
  const inbound = inboundPorts(pod, proxyContainer.name, input.services).map(
    (port) => `${publicIp}:${port}=${privateIp}:${port}`,
  );
  const portOf = (service: string, port: number): number =>
    listeners.find((each) => each.service === service && each.port === port)!.listenPort;
  const noProxy = `127.0.0.1,localhost,${publicIp},${privateIp}`;
  return {
    isMeshed: true,
    proxyContainer: proxyContainer.name,
    proxy: {
      LISTEN_HOST: publicIp,
      MESHCTL_PROXY_INBOUND_LISTENERS: inbound.join(","),
      MESHCTL_PROXY_INBOUND_APP_HOST: privateIp,
      MESHCTL_PROXY_INBOUND_LISTEN_ADDR: `${publicIp}:${INBOUND_PORT}`,
      MESHCTL_PROXY_INBOUND_IPS: publicIp,
      MESHCTL_PROXY_ADMIN_LISTEN_ADDR: `${publicIp}:${ADMIN_PORT}`,
      MESHCTL_PROXY_CONTROL_LISTEN_ADDR: `${publicIp}:${TAP_PORT}`,
      MESHCTL_PROXY_OUTBOUND_LISTEN_ADDRS: `${privateIp}:${OUTBOUND_PORT}`,
      MESHCTL_PROXY_OUTBOUND_SERVICES: outbound.join(","),
      MESHCTL_PROXY_OUTBOUND_SOURCE_HOST: publicIp,
      MESHCTL_PROXY_OWN_NETWORKS: ownNetworks,
      MESHCTL_PROXY_DNS_SERVERS: input.dnsServer,
    },
    application: {
      LISTEN_HOST: privateIp,
      HTTP_PROXY: `http://${privateIp}:${OUTBOUND_PORT}`,
      http_proxy: `http://${privateIp}:${OUTBOUND_PORT}`,
      NO_PROXY: noProxy,
      no_proxy: noProxy,
      ...serviceVariables(input.services, () => privateIp, portOf),
    },
  };
}

/** The container that asks for explicit capture: the injector wrote that into its environment. */
export function proxyContainerOf(pod: KubeObject): Container | undefined {
  const all: readonly Container[] = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return all.find((container) =>
    container.env?.some(({ name, value }) => name === "MESHCTL_PROXY_CAPTURE" && value === "explicit"),
  );
}

/** TCP ports on which the application is to be reached: declared, probed, or targeted by a Service. */
export function inboundPorts(
  pod: KubeObject,
  proxyName: string,
  services: readonly KubeObject[],
): readonly number[] {
  const ports = new Set<number>();
  const all: readonly Container[] = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  for (const container of all) {
    if (container.name === proxyName) continue;
    for (const port of container.ports ?? []) {
      if ((port.protocol ?? "TCP") === "TCP") ports.add(port.containerPort);
    }
    for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
      const port = (probe?.httpGet ?? probe?.tcpSocket)?.port;
      if (typeof port === "number") ports.add(port);
    }
  }
  for (const service of services) {
    const selector = Object.entries<string>(service.spec?.selector ?? {});
    if (selector.length === 0) continue;
    if (!selector.every(([key, value]) => pod.metadata.labels?.[key] === value)) continue;
    for (const port of service.spec.ports ?? []) {
      if ((port.protocol ?? "TCP") !== "TCP") continue;
      const target = resolveTargetPort(port, pod);
      if (target !== undefined) ports.add(target);
    }
  }
  for (const port of PROXY_PORTS) ports.delete(port);
  return [...ports].sort((left, right) => left - right);
}

function serviceListeners(services: readonly KubeObject[]): ServiceListener[] {
  const listeners: ServiceListener[] = [];
  let listenPort = SERVICE_LISTENER_BASE;
  for (const service of sortedByName(services)) {
    for (const port of tcpPorts(service)) {
      listeners.push({ service: service.metadata.name!, port: port.port, listenPort: listenPort++ });
    }
  }
  return listeners;
}

/**
 * Kubernetes' service variables (`WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, `WEB_SERVICE_PORT_<NAME>`, `WEB_PORT` and the
 * docker-links form). Headless Services have none, as in Kubernetes, unless a host is given for them.
 */
export function serviceVariables(
  services: readonly KubeObject[],
  hostOf: (service: KubeObject) => string | undefined,
  portOf: (service: string, port: number) => number = (_service, port) => port,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const service of sortedByName(services)) {
    const host = hostOf(service);
    const ports = tcpPorts(service);
    const first = ports[0];
    if (host === undefined || host === "" || host === "None" || !first) continue;
    if (service.spec.type === "ExternalName") continue;
    const name = service.metadata.name!;
    const prefix = variableName(name);
    variables[`${prefix}_SERVICE_HOST`] = host;
    variables[`${prefix}_SERVICE_PORT`] = String(portOf(name, first.port));
    variables[`${prefix}_PORT`] = `tcp://${host}:${portOf(name, first.port)}`;
    for (const port of ports) {
      const number = String(portOf(name, port.port));
      if (port.name) variables[`${prefix}_SERVICE_PORT_${variableName(port.name)}`] = number;
      const link = `${prefix}_PORT_${port.port}_TCP`;
      variables[link] = `tcp://${host}:${number}`;
      variables[`${link}_PROTO`] = "tcp";
      variables[`${link}_PORT`] = number;
      variables[`${link}_ADDR`] = host;
    }
  }
  return variables;
}

function tcpPorts(service: KubeObject): readonly { readonly name?: string; readonly port: number }[] {
  return (service.spec?.ports ?? []).filter(
    (port: { protocol?: string }) => (port.protocol ?? "TCP") === "TCP",
  );
}

function sortedByName(services: readonly KubeObject[]): KubeObject[] {
  return [...services].sort((left, right) => (left.metadata.name! < right.metadata.name! ? -1 : 1));
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
