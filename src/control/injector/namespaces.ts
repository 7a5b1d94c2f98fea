import type { KubeObject } from "../../base/kube-object.ts";
import type { KubeClient } from "../../kube/client.ts";

const TIMEOUT_MS = 2000;

/**
 * Finds the namespace of a new pod: as the watch knows it, or else as the API server says, for a namespace that was just made may
 * not have reached the watch.
 *
 * It asks for a list of one: the right to list comes with the watch, and a right to get would be used so rarely that no test could
 * tell whether it is granted in vain.
 *
 * @returns undefined when there is none, and when the API server does not answer: a pod must not wait for its namespace
 */
export function createNamespaceReader(
  client: KubeClient,
  known: (name: string) => KubeObject | undefined,
): (name: string) => Promise<KubeObject | undefined> {
  return async (name) => {
    const namespace = known(name);
    if (namespace) return namespace;
    try {
      const { items } = await client.request<{ readonly items: readonly KubeObject[] }>(
        "GET",
        "/api/v1/namespaces",
        { query: { fieldSelector: `metadata.name=${name}` }, timeoutMs: TIMEOUT_MS },
      );
      return items[0];
    } catch {
      // Forbidden, gone or slow: without it the pod's own annotations and the values decide.
      return undefined;
    }
  };
}
