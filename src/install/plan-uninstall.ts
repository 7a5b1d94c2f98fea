import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { COMPONENT_LABEL, CONTROL_PLANE_NS_LABEL } from "../base/names.ts";
import { listOwned, type ObjectLister, skeletonOf } from "./list-owned.ts";
import { OWNED_KINDS } from "./owned-kinds.ts";

/** Label of the namespace of an extension; its value is the extension's name. */
const EXTENSION_LABEL = "meshctl.io/extension";

/** Namespaced kinds that an installation has outside of its namespace. Policies of users are theirs. */
const GOES_WITH_THE_MESH = ["Role", "RoleBinding"];

/**
 * Skeletons (kind and name) of what an installation put into the cluster, for `kubectl delete -f -`. What is inside the control-plane
 * namespace goes with it.
 *
 * @param force also while pods are still meshed
 * @throws MeshError `UNINSTALL_EXTENSIONS`, `UNINSTALL_MESHED_PODS`, `UNINSTALL_NOTHING`, and what the cluster answers
 */
export async function planUninstall(
  cluster: ObjectLister,
  namespace: string,
  force: boolean,
): Promise<KubeObject[]> {
  const labelSelector = `${CONTROL_PLANE_NS_LABEL}=${namespace}`;
  const list = async (path: string) =>
    (await cluster.request<{ items: readonly KubeObject[] }>("GET", path, { query: { labelSelector } }))
      .items;
  if (!force) {
    const pods = (await list("/api/v1/pods")).filter(
      (pod) =>
        pod.metadata.namespace !== namespace &&
        pod.metadata.labels?.[COMPONENT_LABEL] === undefined &&
        // What has ended, as the pods of a Job, needs no proxy any more.
        !["Succeeded", "Failed"].includes(pod.status?.phase),
    );
    if (pods.length > 0) {
      const names = pods.map((pod) => `* ${pod.metadata.namespace}/${pod.metadata.name}`);
      throw new MeshError({
        kind: "environment",
        code: "UNINSTALL_MESHED_PODS",
        message: `${pods.length} ${pods.length === 1 ? "pod is" : "pods are"} still in the mesh:\n${names.join("\n")}`,
        hint: "take them out first: kubectl annotate ns NAMESPACE meshctl.io/inject-; kubectl get deploy -n NAMESPACE -o yaml | meshctl uninject - | kubectl apply -f -; or use --force: their proxies then keep what they know until they restart",
        anchor: "uninstall-meshed-pods",
      });
    }
  }
  if (!force) await refuseExtensions(cluster);
  const kinds = OWNED_KINDS.filter((kind) => !kind.namespaced || GOES_WITH_THE_MESH.includes(kind.kind));
  // What is in the control plane's namespace goes with it.
  const objects = (await listOwned(cluster, namespace, kinds))
    .filter(({ kind, object }) => !kind.namespaced || object.metadata.namespace !== namespace)
    .map(({ kind, object }) => skeletonOf(kind, object, namespace));
  if (objects.length === 0) {
    throw new MeshError({
      kind: "environment",
      code: "UNINSTALL_NOTHING",
      message: `no resources found to uninstall: nothing carries the label ${labelSelector}`,
      hint: "name the namespace of the installation with -L",
    });
  }
  return objects;
}

async function refuseExtensions(cluster: ObjectLister): Promise<void> {
  const { items } = await cluster.request<{ items: readonly KubeObject[] }>("GET", "/api/v1/namespaces", {
    query: { labelSelector: EXTENSION_LABEL },
  });
  const names = items.flatMap(({ metadata }) => {
    const extension = metadata.labels?.[EXTENSION_LABEL];
    return extension === undefined ? [] : [`* ${extension} (${metadata.name})`];
  });
  if (names.length === 0) return;
  throw new MeshError({
    kind: "environment",
    code: "UNINSTALL_EXTENSIONS",
    message: `${names.length} ${names.length === 1 ? "extension is" : "extensions are"} still installed:\n${names.join("\n")}`,
    hint: "uninstall them first, or use --force",
  });
}
