import type { KubeObject } from "../../../base/kube-object.ts";
import type { Causes } from "./causes.ts";
import { validateLabels } from "./names.ts";
import { validatePort, validatePortName, validateProtocol } from "./pod.ts";

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

export function validateService(service: KubeObject, causes: Causes): void {
  const spec = service.spec;
  if (!TYPES.includes(spec.type)) causes.unsupported("spec.type", spec.type, TYPES);
  validateLabels("spec.selector", spec.selector, causes);
  const ports: KubeObject[] = spec.ports ?? [];
  if (ports.length === 0 && spec.type !== "ExternalName" && spec.clusterIP !== "None")
    causes.required("spec.ports");
  if (spec.type === "ExternalName" && !spec.externalName) causes.required("spec.externalName");
  const names = new Set<string>();
  const taken = new Set<string>();
  ports.forEach((port, index) => {
    const field = `spec.ports[${index}]`;
    if (port.port !== undefined) validatePort(`${field}.port`, port.port, causes);
    if (typeof port.targetPort === "number") validatePort(`${field}.targetPort`, port.targetPort, causes);
    else if (port.targetPort !== undefined)
      validatePortName(`${field}.targetPort`, String(port.targetPort), causes);
    validateProtocol(`${field}.protocol`, port.protocol, causes);
    if (!port.name && ports.length > 1) causes.required(`${field}.name`);
    if (port.name) {
      if (names.has(port.name)) causes.duplicate(`${field}.name`, port.name);
      names.add(port.name);
    }
    const key = `${port.protocol}/${port.port}`;
    if (taken.has(key)) causes.duplicate(field, { port: port.port, protocol: port.protocol });
    taken.add(key);
  });
}
