import type { KubeObject } from "../../base/kube-object.ts";
import { crdStatus } from "./crd/status.ts";
import type { ResourceInfo } from "./resource-info.ts";
import { invalid } from "./status.ts";

/** What other parts of the cluster decide about new objects. */
export interface KindHooks {
  /** An address for a Service that needs one. `wanted` is the address that its author asks for. @throws MeshError when it is taken */
  allocateClusterIp: ((service: KubeObject, wanted: string | undefined) => string) | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** What is particular to a kind when an object is made; `object` is ours to change. */
export function onCreate(hooks: KindHooks, resource: ResourceInfo, object: KubeObject): void {
  if (resource.bucket === "/services") setClusterIp(hooks, object);
  if (resource.kind === "CustomResourceDefinition") object.status = crdStatus(object, undefined, hooks.now());
  if (resource.bucket === "/secrets") mergeStringData(object);
}

/** What is particular to a kind when an object is changed. */
export function onUpdate(
  hooks: KindHooks,
  resource: ResourceInfo,
  object: KubeObject,
  old: KubeObject,
  subresource: string | undefined,
): void {
  if (resource.bucket === "/services" && !subresource) {
    const spec = object.spec;
    const oldIp = old.spec?.clusterIP;
    if (oldIp && spec.type !== "ExternalName" && old.spec.type !== "ExternalName") {
      if (spec.clusterIP === undefined || spec.clusterIP === "") {
        object.spec = { ...spec, clusterIP: oldIp, clusterIPs: old.spec.clusterIPs };
      } else if (spec.clusterIP !== oldIp) {
        throw invalid(resource, object.metadata.name!, [
          {
            field: "spec.clusterIPs[0]",
            reason: "FieldValueInvalid",
            message: `Invalid value: ${JSON.stringify([spec.clusterIP])}: may not change once set`,
          },
        ]);
      }
    } else setClusterIp(hooks, object);
  }
  if (resource.kind === "CustomResourceDefinition" && !subresource) {
    object.status = crdStatus(object, old.status, hooks.now());
  }
  if (resource.bucket === "/secrets") mergeStringData(object);
}

function setClusterIp(hooks: KindHooks, service: KubeObject): void {
  const spec = { ...service.spec };
  service.spec = spec;
  if (spec.type === "ExternalName") {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    return;
  }
  if (spec.clusterIP !== "None" && hooks.allocateClusterIp) {
    spec.clusterIP = hooks.allocateClusterIp(service, spec.clusterIP || undefined);
  }
  if (!spec.clusterIP) return;
  spec.clusterIPs = [spec.clusterIP];
  spec.ipFamilies ??= ["IPv4"];
  spec.ipFamilyPolicy ??= "SingleStack";
}

function mergeStringData(secret: KubeObject): void {
  const { stringData } = secret;
  if (!stringData) return;
  secret.data = { ...secret.data };
  for (const [key, value] of Object.entries(stringData as Record<string, string>)) {
    secret.data[key] = Buffer.from(value, "utf8").toString("base64");
  }
  delete secret.stringData;
}
