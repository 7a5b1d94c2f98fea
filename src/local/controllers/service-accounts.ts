import { CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { createIfMissing, isNotFound } from "./controller.ts";
import { WorkQueue } from "./work-queue.ts";

const ROOT_CA = "kube-root-ca.crt";

/** Gives every living namespace its ServiceAccount `default` and ConfigMap `kube-root-ca.crt`, and again when somebody deletes them. */
export function startServiceAccountController(
  context: ControllerContext,
  options: { readonly caPem: string },
): Controller {
  const { objects, clock, log } = context;
  const queue = new WorkQueue({
    name: "serviceaccount-controller",
    clock,
    log,
    reconcile: async (name) => {
      const namespace = objects.get(NAMESPACES, undefined, name);
      if (!namespace || namespace.metadata.deletionTimestamp) return;
      if (!objects.get(SERVICE_ACCOUNTS, name, "default")) {
        await createIfMissing(objects, SERVICE_ACCOUNTS, {
          apiVersion: "v1",
          kind: "ServiceAccount",
          metadata: { name: "default", namespace: name },
        });
      }
      const data = { "ca.crt": options.caPem };
      const existing = objects.get(CONFIG_MAPS, name, ROOT_CA);
      if (!existing) {
        await createIfMissing(objects, CONFIG_MAPS, {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: ROOT_CA, namespace: name },
          data,
        });
      } else if (existing.data?.["ca.crt"] !== options.caPem) {
        await objects.mergePatch(CONFIG_MAPS, name, ROOT_CA, { data }).catch((caught: unknown) => {
          if (!isNotFound(caught)) throw caught;
        });
      }
    },
  });
  const stops = [
    objects.watch(NAMESPACES, (type, namespace) => {
      if (type !== "DELETED") queue.add(namespace.metadata.name!);
    }),
    objects.watch(SERVICE_ACCOUNTS, (type, account) => {
      if (type === "DELETED" && account.metadata.name === "default") queue.add(account.metadata.namespace!);
    }),
    objects.watch(CONFIG_MAPS, (type, map) => {
      if (type !== "ADDED" && map.metadata.name === ROOT_CA) queue.add(map.metadata.namespace!);
    }),
  ];
  return {
    stop: () => {
      for (const stop of stops) stop();
      queue.stop();
    },
    idle: () => queue.idle(),
  };
}
