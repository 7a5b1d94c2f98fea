import { apiError, forbidden, notFound } from "../status.ts";
import type { Store } from "../store.ts";
import type { AdmissionPlugin } from "./chain.ts";

const NAMESPACES = { group: "", plural: "namespaces", kind: "Namespace" };

/** Namespaces that cannot be deleted. */
const IMMORTAL = new Set(["default", "kube-system", "kube-public"]);

/** Nothing is made in a namespace that is not there or on its way out; the cluster's own namespaces stay. */
export function createNamespaceLifecycle(store: Store): AdmissionPlugin {
  return {
    mutate({ operation, resource, object, subresource }) {
      if (
        operation === "DELETE" &&
        resource.bucket === "/namespaces" &&
        IMMORTAL.has(object.metadata.name!)
      ) {
        throw forbidden(resource, object.metadata.name!, "this namespace may not be deleted");
      }
      if (operation !== "CREATE" || !resource.namespaced || subresource) return object;
      const name = object.metadata.namespace ?? "";
      const namespace = store.get("/namespaces", "", name);
      if (!namespace) throw notFound(NAMESPACES, name);
      if (namespace.metadata.deletionTimestamp !== undefined) {
        throw apiError(
          403,
          "Forbidden",
          `${resource.group ? `${resource.plural}.${resource.group}` : resource.plural} "${object.metadata.name}" is forbidden: unable to create new content in namespace ${name} because it is being terminated`,
          {
            name: object.metadata.name ?? "",
            group: resource.group,
            kind: resource.plural,
            causes: [
              {
                reason: "NamespaceTerminating",
                message: `namespace ${name} is being terminated`,
                field: "metadata.namespace",
              },
            ],
          },
        );
      }
      return object;
    },
  };
}
