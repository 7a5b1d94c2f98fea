import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { CONTROL_PLANE_NS_LABEL } from "../base/names.ts";
import { listPath, OWNED_KINDS, type OwnedKind } from "./owned-kinds.ts";

/** Lists objects. A KubeClient is one. */
export interface ObjectLister {
  request<T>(
    method: string,
    path: string,
    options?: { readonly query?: Readonly<Record<string, string>> },
  ): Promise<T>;
}

/**
 * Objects that carry the label of an installation; kinds that the cluster does not have are empty.
 *
 * @param kinds only these
 */
export async function listOwned(
  cluster: ObjectLister,
  namespace: string,
  kinds: readonly OwnedKind[] = OWNED_KINDS,
): Promise<readonly { readonly kind: OwnedKind; readonly object: KubeObject }[]> {
  const query = { labelSelector: `${CONTROL_PLANE_NS_LABEL}=${namespace}` };
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      try {
        const { items } = await cluster.request<{ items: readonly KubeObject[] }>("GET", listPath(kind), {
          query,
        });
        return items.map((object) => ({ kind, object }));
      } catch (error) {
        if (error instanceof MeshError && error.code === "KUBE_NOT_FOUND") return [];
        throw error;
      }
    }),
  );
  return lists.flat();
}

/** What `kubectl delete -f -` needs to know. */
export function skeletonOf(kind: OwnedKind, object: KubeObject, namespace: string): KubeObject {
  const { name, namespace: own } = object.metadata;
  return {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: {
      name: name!,
      ...(own === undefined ? {} : { namespace: own }),
      labels: { [CONTROL_PLANE_NS_LABEL]: namespace },
    },
  };
}
