import type { ResourceRef } from "../kube/source.ts";

const core = (plural: string, kind: string): ResourceRef => ({ group: "", version: "v1", plural, kind });
const of = (group: string, version: string, plural: string, kind: string): ResourceRef => ({
  group,
  version,
  plural,
  kind,
});

/** The resources that controllers and kubelet work with. */
export const NAMESPACES = core("namespaces", "Namespace");
export const NODES = core("nodes", "Node");
export const PODS = core("pods", "Pod");
export const SERVICES = core("services", "Service");
export const ENDPOINTS = core("endpoints", "Endpoints");
export const EVENTS = core("events", "Event");
export const CONFIG_MAPS = core("configmaps", "ConfigMap");
export const SECRETS = core("secrets", "Secret");
export const SERVICE_ACCOUNTS = core("serviceaccounts", "ServiceAccount");
export const REPLICATION_CONTROLLERS = core("replicationcontrollers", "ReplicationController");
export const DEPLOYMENTS = of("apps", "v1", "deployments", "Deployment");
export const REPLICA_SETS = of("apps", "v1", "replicasets", "ReplicaSet");
export const STATEFUL_SETS = of("apps", "v1", "statefulsets", "StatefulSet");
export const DAEMON_SETS = of("apps", "v1", "daemonsets", "DaemonSet");
export const CONTROLLER_REVISIONS = of("apps", "v1", "controllerrevisions", "ControllerRevision");
export const PERSISTENT_VOLUME_CLAIMS = core("persistentvolumeclaims", "PersistentVolumeClaim");
export const JOBS = of("batch", "v1", "jobs", "Job");
export const CRON_JOBS = of("batch", "v1", "cronjobs", "CronJob");
export const ENDPOINT_SLICES = of("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice");
export const LEASES = of("coordination.k8s.io", "v1", "leases", "Lease");

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(resource: ResourceRef): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** The key of a namespaced object in queues and maps. */
export function objectKey(object: { metadata: { namespace?: string; name?: string } }): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}

/** Takes a key apart again. */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
