import type { KubeObject } from "../../base/kube-object.ts";
import type { ObjectApi } from "../object-api.ts";
import { ENDPOINT_SLICES, PODS, SERVICES } from "../resources.ts";
import type { DnsAnswer, DnsQuestion, DnsRecord } from "./dns-codec.ts";
import { DNS_CODE, DNS_TYPE } from "./dns-codec.ts";

/** How long an answer may be remembered; pods come and go. */
const TTL_SECONDS = 5;

interface ZonePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

/** One name below a Service: an address of a headless Service's pod. */
interface ZoneEndpoint {
  readonly label: string;
  readonly address: string;
  readonly ports: readonly ZonePort[];
}

/**
 * Answers for the cluster domain from the objects as they are now (the specification "Kubernetes DNS-Based Service Discovery"):
 *
 * ```
 *   <service>.<namespace>.svc.<domain>                    A     ClusterIP, or the ready pods of a headless Service
 *   <pod-ip-dashed or hostname>.<service>.<ns>.svc...     A     that pod of a headless Service
 *   _<port>._<protocol>.<service>.<ns>.svc...             SRV
 *   <pod-ip-dashed>.<namespace>.pod.<domain>              A     that address, if a pod has it
 * ```
 *
 * Names of the domain that do not exist are NXDOMAIN with the zone's SOA; other names are refused.
 */
export function answerFromObjects(objects: ObjectApi, domain: string, question: DnsQuestion): DnsAnswer {
  const zone = domain.toLowerCase();
  if (question.name !== zone && !question.name.endsWith(`.${zone}`)) {
    return { code: DNS_CODE.refused, authoritative: false, answers: [], authorities: [], additionals: [] };
  }
  const labels = question.name
    .slice(0, -zone.length - 1)
    .split(".")
    .filter((label) => label !== "");
  const found = lookUp(objects, zone, labels, question.name);
  const wanted = found?.answers.filter(
    (record) => question.type === DNS_TYPE.ANY || DNS_TYPE[record.type] === question.type,
  );
  if (wanted && wanted.length > 0) {
    return {
      code: DNS_CODE.ok,
      authoritative: true,
      answers: wanted,
      authorities: [],
      additionals: question.type === DNS_TYPE.SRV ? found!.additionals : [],
    };
  }
  // The name exists, but not with this type: an empty answer, so that a client that asked for AAAA still asks for A.
  return {
    code: found ? DNS_CODE.ok : DNS_CODE.noSuchName,
    authoritative: true,
    answers: [],
    authorities: [soa(zone)],
    additionals: [],
  };
}

interface Found {
  readonly answers: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

const EXISTS: Found = { answers: [], additionals: [] };

function lookUp(
  objects: ObjectApi,
  zone: string,
  labels: readonly string[],
  name: string,
): Found | undefined {
  if (labels.length === 0) return { answers: [soa(zone)], additionals: [] };
  const kind = labels.at(-1);
  if (kind === "pod" && labels.length === 3) return lookUpPod(objects, labels, name);
  if (kind !== "svc") return undefined;
  if (labels.length < 3) return EXISTS;
  const namespace = labels.at(-2)!;
  const service = objects.get(SERVICES, namespace, labels.at(-3)!);
  if (!service) return undefined;
  const base = `${service.metadata.name}.${namespace}.svc.${zone}`;
  const rest = labels.slice(0, -3);
  if (rest.length === 0) return { answers: serviceAddresses(objects, service, name), additionals: [] };
  if (rest.length === 2 && rest[0]!.startsWith("_") && rest[1]!.startsWith("_")) {
    return lookUpPort(objects, service, base, name, rest[0]!.slice(1), rest[1]!.slice(1));
  }
  if (rest.length === 1 && isHeadless(service)) {
    const matching = endpointsOf(objects, service).filter(({ label }) => label === rest[0]);
    if (matching.length > 0) {
      return { answers: matching.map(({ address }) => aRecord(name, address)), additionals: [] };
    }
  }
  return undefined;
}

function lookUpPod(objects: ObjectApi, labels: readonly string[], name: string): Found | undefined {
  const address = labels[0]!.replaceAll("-", ".");
  const exists = objects.list(PODS, labels[1]).some((pod) => pod.status?.podIP === address);
  return exists ? { answers: [aRecord(name, address)], additionals: [] } : undefined;
}

function serviceAddresses(objects: ObjectApi, service: KubeObject, name: string): DnsRecord[] {
  if (!isHeadless(service)) {
    return service.spec.clusterIP ? [aRecord(name, service.spec.clusterIP)] : [];
  }
  const addresses = new Set(endpointsOf(objects, service).map(({ address }) => address));
  return [...addresses].map((address) => aRecord(name, address));
}

function lookUpPort(
  objects: ObjectApi,
  service: KubeObject,
  base: string,
  name: string,
  portName: string,
  protocol: string,
): Found | undefined {
  const isNamed = (port: ZonePort): boolean =>
    port.name.toLowerCase() === portName && port.protocol.toLowerCase() === protocol;
  const srv = (port: number, target: string): DnsRecord => ({
    type: "SRV",
    name,
    ttlSeconds: TTL_SECONDS,
    priority: 0,
    weight: 100,
    port,
    target,
  });
  if (isHeadless(service)) {
    const answers: DnsRecord[] = [];
    const additionals: DnsRecord[] = [];
    for (const endpoint of endpointsOf(objects, service)) {
      for (const port of endpoint.ports.filter(isNamed)) {
        const target = `${endpoint.label}.${base}`;
        answers.push(srv(port.port, target));
        additionals.push(aRecord(target, endpoint.address));
      }
    }
    return answers.length > 0 ? { answers, additionals } : undefined;
  }
  const ports: ZonePort[] = (service.spec.ports ?? []).map(
    (port: { name?: string; port: number; protocol?: string }) => ({
      name: port.name ?? "",
      port: port.port,
      protocol: port.protocol ?? "TCP",
    }),
  );
  const port = ports.find(isNamed);
  if (!port) return undefined;
  return { answers: [srv(port.port, base)], additionals: serviceAddresses(objects, service, base) };
}

function isHeadless(service: KubeObject): boolean {
  return service.spec.clusterIP === "None";
}

function endpointsOf(objects: ObjectApi, service: KubeObject): ZoneEndpoint[] {
  const endpoints: ZoneEndpoint[] = [];
  for (const slice of objects.list(ENDPOINT_SLICES, service.metadata.namespace)) {
    if (slice.metadata.labels?.["kubernetes.io/service-name"] !== service.metadata.name) continue;
    const ports: ZonePort[] = (slice.ports ?? []).map(
      (port: { name?: string; port: number; protocol?: string }) => ({
        name: port.name ?? "",
        port: port.port,
        protocol: port.protocol ?? "TCP",
      }),
    );
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      for (const address of endpoint.addresses as readonly string[]) {
        const label: string = endpoint.hostname ?? address.replaceAll(".", "-");
        endpoints.push({ label, address, ports });
      }
    }
  }
  return endpoints;
}

function aRecord(name: string, address: string): DnsRecord {
  return { type: "A", name, ttlSeconds: TTL_SECONDS, address };
}

function soa(zone: string): DnsRecord {
  return {
    type: "SOA",
    name: zone,
    ttlSeconds: TTL_SECONDS,
    primary: `ns.dns.${zone}`,
    mailbox: `hostmaster.${zone}`,
    serial: 1,
    minimumSeconds: TTL_SECONDS,
  };
}
