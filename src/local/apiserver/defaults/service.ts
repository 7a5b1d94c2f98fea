// biome-ignore lint/suspicious/noExplicitAny: the shapes of specs are checked by the field table, before
type Spec = Record<string, any>;

/** Defaults of a Service, in place. The address is allocated elsewhere (kinds.ts). */
export function defaultService(spec: Spec): void {
  spec.type ??= "ClusterIP";
  spec.sessionAffinity ??= "None";
  if (spec.type !== "ExternalName") spec.internalTrafficPolicy ??= "Cluster";
  for (const port of spec.ports ?? []) {
    port.protocol ??= "TCP";
    // 0 is what protobuf clients send for nothing.
    port.targetPort ||= port.port;
  }
  if (spec.type === "NodePort" || spec.type === "LoadBalancer") spec.externalTrafficPolicy ??= "Cluster";
  if (spec.type === "LoadBalancer") spec.allocateLoadBalancerNodePorts ??= true;
}
