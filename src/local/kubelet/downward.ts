import type { KubeObject } from "../../base/kube-object.ts";
import type { ContainerSpec } from "./pod-spec.ts";
import { tryParseQuantity } from "./quantity.ts";

/** What the downward API knows beside the pod object. */
export interface DownwardContext {
  readonly pod: KubeObject;
  readonly podIp: string;
  readonly hostIp: string;
  readonly nodeName: string;
  /** What limits default to. */
  readonly node: { readonly cpus: number; readonly memoryBytes: number };
}

/** Value of a `fieldRef`; undefined when the path is none that the downward API serves. */
export function fieldValue(context: DownwardContext, path: string): string | undefined {
  const { metadata, spec } = context.pod;
  const subscript = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (subscript) return metadata[subscript[1] as "labels" | "annotations"]?.[subscript[2]!] ?? "";
  switch (path) {
    case "metadata.name":
      return metadata.name;
    case "metadata.namespace":
      return metadata.namespace;
    case "metadata.uid":
      return metadata.uid;
    case "metadata.labels":
      return formatMap(metadata.labels);
    case "metadata.annotations":
      return formatMap(metadata.annotations);
    case "spec.nodeName":
      return context.nodeName;
    case "spec.serviceAccountName":
      return spec.serviceAccountName ?? "default";
    case "status.podIP":
    case "status.podIPs":
      return context.podIp;
    case "status.hostIP":
    case "status.hostIPs":
      return context.hostIp;
    default:
      return undefined;
  }
}

/** Value of a `resourceFieldRef` (`limits.cpu`, `requests.memory`), in units of the divisor, rounded up. */
export function resourceValue(
  context: DownwardContext,
  containers: readonly ContainerSpec[],
  own: ContainerSpec | undefined,
  ref: { readonly containerName?: string; readonly resource: string; readonly divisor?: string },
): string | undefined {
  const container = ref.containerName ? containers.find(({ name }) => name === ref.containerName) : own;
  const match = /^(limits|requests)\.(.+)$/.exec(ref.resource);
  if (!container || !match) return undefined;
  const kind = match[1] as "limits" | "requests";
  const resource = match[2]!;
  const stated = container.resources?.[kind]?.[resource];
  const amount =
    (stated === undefined ? undefined : tryParseQuantity(stated)) ?? defaultAmount(context, kind, resource);
  const divisor = tryParseQuantity(ref.divisor ?? "1") || 1;
  // Rounding first to a billionth: 0.1 / 0.001 is a little more than 100 in floating point.
  return String(Math.ceil(Math.round((amount / divisor) * 1e9) / 1e9));
}

function defaultAmount(context: DownwardContext, kind: "limits" | "requests", resource: string): number {
  if (kind === "requests") return 0;
  if (resource === "cpu") return context.node.cpus;
  if (resource === "memory") return context.node.memoryBytes;
  return 0;
}

/** The file format of labels and annotations: `key="value"` lines with Go-like escapes. */
function formatMap(map: Readonly<Record<string, string>> = {}): string {
  return Object.entries(map)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}
