import type { KubeObject } from "../base/kube-object.ts";
import { parsePortRanges, rangesContain } from "../values/port-ranges.ts";
import { OPAQUE_PORTS_ANNOTATION } from "./config-annotations.ts";
import { annotationsOf, containersOf, type PodSpec, podSpecOf, portsOf } from "./pod-spec.ts";

/**
 * The value of `config.meshctl.io/opaque-ports` to stamp on a pod that lacks it: the namespace's, else those of its
 * container ports that are opaque by default. Unlike Linkerd, ranges in the default list match too.
 */
export function opaquePortsForPod(
  pod: KubeObject,
  namespace: KubeObject | undefined,
  defaults: string,
): string | undefined {
  if (annotationsOf(pod)[OPAQUE_PORTS_ANNOTATION] !== undefined) return undefined;
  const ofNamespace = annotationsOf(namespace)[OPAQUE_PORTS_ANNOTATION];
  if (ofNamespace !== undefined) return ofNamespace;
  const ports = containersOf(podSpecOf(pod)).flatMap((container) =>
    portsOf(container).map((port) => port.containerPort),
  );
  return intersect(ports, defaults);
}

/** The same for a Service: a port counts by its numeric target port, or by itself when it has no target port. */
export function opaquePortsForService(
  service: KubeObject,
  namespace: KubeObject | undefined,
  defaults: string,
): string | undefined {
  if (annotationsOf(service)[OPAQUE_PORTS_ANNOTATION] !== undefined) return undefined;
  const ofNamespace = annotationsOf(namespace)[OPAQUE_PORTS_ANNOTATION];
  if (ofNamespace !== undefined) return ofNamespace;
  const { ranges } = parsePortRanges(defaults);
  const opaque: number[] = [];
  for (const port of service.spec?.ports ?? []) {
    const target = port.targetPort ?? port.port;
    if (typeof target === "number" && rangesContain(ranges, target)) opaque.push(port.port);
  }
  return opaque.length === 0 ? undefined : unique(opaque);
}

/**
 * Ports, ranges and port names as numbers and ranges, which is all that a proxy understands. Names that no container
 * port has are dropped.
 */
export function resolveOpaquePorts(text: string, spec: PodSpec): string {
  const resolved: string[] = [];
  for (const item of text.split(",").map((part) => part.trim())) {
    if (item === "") continue;
    if (parsePortRanges(item).ranges.length > 0) {
      resolved.push(item);
      continue;
    }
    for (const container of containersOf(spec)) {
      for (const port of portsOf(container)) {
        if (port.name === item && port.containerPort !== undefined) resolved.push(String(port.containerPort));
      }
    }
  }
  return resolved.join(",");
}

function intersect(ports: readonly (number | undefined)[], defaults: string): string | undefined {
  const { ranges } = parsePortRanges(defaults);
  const opaque = ports.filter((port): port is number => port !== undefined && rangesContain(ranges, port));
  return opaque.length === 0 ? undefined : unique(opaque);
}

function unique(ports: readonly number[]): string {
  return [...new Set(ports)].sort((left, right) => left - right).join(",");
}
