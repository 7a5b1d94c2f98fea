import type { KubeObject } from "../base/kube-object.ts";
import { COMPONENT_LABEL } from "../base/names.ts";

/**
 * Spreads the control plane's Deployments over nodes and zones, lets one of their pods go at a time, and protects the rest from
 * evictions. Each disruption budget stands right after its Deployment.
 */
export function withHighAvailability(objects: readonly KubeObject[], namespace: string): KubeObject[] {
  return objects.flatMap((object) => {
    const component = object.metadata.labels?.[COMPONENT_LABEL];
    if (object.kind !== "Deployment" || component === undefined) return [object];
    const { spec } = object;
    spec.strategy = { rollingUpdate: { maxSurge: "25%", maxUnavailable: 1 } };
    spec.template.spec.affinity = { podAntiAffinity: antiAffinity(component) };
    return [object, disruptionBudget(object, component, namespace)];
  });
}

/** Never two on a node, and, where it can be, never two in a zone. */
function antiAffinity(component: string): object {
  const labelSelector = { matchExpressions: [{ key: COMPONENT_LABEL, operator: "In", values: [component] }] };
  return {
    preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: 100, podAffinityTerm: { labelSelector, topologyKey: "topology.kubernetes.io/zone" } },
    ],
    requiredDuringSchedulingIgnoredDuringExecution: [
      { labelSelector, topologyKey: "kubernetes.io/hostname" },
    ],
  };
}

function disruptionBudget(deployment: KubeObject, component: string, namespace: string): KubeObject {
  const { name, labels, annotations } = deployment.metadata;
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: {
      name: name!,
      namespace,
      labels: { ...labels },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
    },
    spec: { maxUnavailable: 1, selector: { matchLabels: { [COMPONENT_LABEL]: component } } },
  };
}
