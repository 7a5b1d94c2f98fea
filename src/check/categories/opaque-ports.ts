import type { KubeObject } from "../../base/kube-object.ts";
import { CONFIG_PREFIX } from "../../base/names.ts";
import { type Check, CheckFailed } from "../check.ts";
import { listMeshedPods, listObjects } from "../read.ts";

const OPAQUE_PORTS = `${CONFIG_PREFIX}opaque-ports`;

/** A client's proxy goes by the Service or the pod, the server's by the pod: where they differ, one side detects what the other does not. */
export const opaquePorts: Check = {
  anchor: "meshctl-opaque-ports-definition",
  label: "opaque ports are properly annotated",
  warning: true,
  async run(inputs) {
    const scope = inputs.dataPlaneNamespace === undefined ? "" : `/namespaces/${inputs.dataPlaneNamespace}`;
    const services = await listObjects(inputs, `/api/v1${scope}/services`);
    const pods = await listMeshedPods(inputs);
    const lines = services.flatMap((service) => disagreements(service, pods));
    if (lines.length > 0) {
      throw new CheckFailed(
        `services and their pods disagree about opaque ports; set ${OPAQUE_PORTS} on both:\n${lines.join("\n")}`,
      );
    }
  },
};

function disagreements(service: KubeObject, pods: readonly KubeObject[]): string[] {
  const selector = Object.entries<string>(service.spec?.selector ?? {});
  if (selector.length === 0) return [];
  const { namespace, name } = service.metadata;
  const ownWords: string | undefined = service.metadata.annotations?.[OPAQUE_PORTS];
  const lines: string[] = [];
  for (const pod of pods) {
    if (pod.metadata.namespace !== namespace) continue;
    if (!selector.every(([key, value]) => pod.metadata.labels?.[key] === value)) continue;
    const podWords: string | undefined = pod.metadata.annotations?.[OPAQUE_PORTS];
    for (const { port, targetPort } of (service.spec?.ports ?? []) as ServicePort[]) {
      const containerPort = resolvePort(pod, targetPort ?? port);
      if (containerPort === undefined) continue;
      const onService = ownWords !== undefined && covers(ownWords, port);
      const onPod = podWords !== undefined && covers(podWords, containerPort);
      // What the installation marks for everybody is in the annotations of injected pods, not of services.
      if (onService && !onPod && podWords !== undefined) {
        lines.push(
          `\t* service ${namespace}/${name} has port ${port} and pod ${pod.metadata.name} not ${containerPort}`,
        );
      } else if (onPod && ownWords !== undefined && !onService) {
        lines.push(
          `\t* pod ${namespace}/${pod.metadata.name} has port ${containerPort} and service ${name} not ${port}`,
        );
      }
    }
  }
  return [...new Set(lines)];
}

interface ServicePort {
  readonly port: number;
  readonly targetPort?: number | string;
}

function resolvePort(pod: KubeObject, target: number | string): number | undefined {
  if (typeof target === "number") return target;
  const containers: { ports?: { name?: string; containerPort: number }[] }[] = pod.spec?.containers ?? [];
  return containers.flatMap(({ ports }) => ports ?? []).find(({ name }) => name === target)?.containerPort;
}

/** Whether a list of ports and ranges has a port. */
function covers(list: string, port: number): boolean {
  return list.split(",").some((item) => {
    const [low = "", high = low] = item.trim().split("-");
    return Number(low) <= port && port <= Number(high);
  });
}
