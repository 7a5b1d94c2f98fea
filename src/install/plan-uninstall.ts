import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { COMPONENT_LABEL, CONTROL_PLANE_NS_LABEL } from "../base/names.ts";

/** Lists objects. A KubeClient is one. */
export interface ObjectLister {
  request<T>(
    method: string,
    path: string,
    options?: { readonly query?: Readonly<Record<string, string>> },
  ): Promise<T>;
}

const KINDS = [
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    path: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
  },
  {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  },
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    path: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
  },
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    path: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
  },
  { apiVersion: "v1", kind: "Namespace", path: "/api/v1/namespaces" },
] as const;

/**
 * Skeletons (kind and name) of what an installation put into the cluster, for `kubectl delete -f -`. What is inside the control-plane
 * namespace goes with it.
 *
 * @param force also while pods are still meshed
 * @throws MeshError `UNINSTALL_MESHED_PODS`, `UNINSTALL_NOTHING`, and what the cluster answers
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
  const objects: KubeObject[] = [];
  for (const { apiVersion, kind, path } of KINDS) {
    for (const found of await list(path)) {
      objects.push({
        apiVersion,
        kind,
        metadata: { name: found.metadata.name!, labels: { [CONTROL_PLANE_NS_LABEL]: namespace } },
      });
    }
  }
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
