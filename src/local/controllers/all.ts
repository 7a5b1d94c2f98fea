import type { KubeObject } from "../../base/kube-object.ts";
import type { ResourceRef } from "../../kube/source.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { startCronJobController } from "./cron-job.ts";
import { startDaemonSetController } from "./daemon-set.ts";
import { startDeploymentController } from "./deployment.ts";
import { startEndpointsController } from "./endpoints.ts";
import { createEventRecorder } from "./events.ts";
import { startGarbageCollector } from "./garbage.ts";
import { startJobController } from "./job.ts";
import { startNamespaceController } from "./namespaces.ts";
import { startNotSupportedController } from "./not-supported.ts";
import { startReplicaSetController } from "./replica-set.ts";
import { startServiceAccountController } from "./service-accounts.ts";
import { startStatefulSetController } from "./stateful-set.ts";
import { startVolumeClaimController } from "./volume-claims.ts";

export interface ControllersOptions {
  readonly caPem: string;
  /** Directory of the folders that volume claims are bound to. */
  readonly claimsDir: string;
  readonly namespacedResources: () => readonly ResourceRef[];
  readonly ownableResources: readonly ResourceRef[];
  readonly finalizeNamespace: (namespace: KubeObject) => Promise<void>;
}

/** Starts every controller that a cluster has whatever runs in it. */
export function startControllers(
  base: Omit<ControllerContext, "events">,
  options: ControllersOptions,
): Controller {
  const contextOf = (component: string): ControllerContext => ({
    ...base,
    events: createEventRecorder({ ...base, component }),
  });
  const controllers = [
    startServiceAccountController(contextOf("serviceaccount-controller"), { caPem: options.caPem }),
    startDeploymentController(contextOf("deployment-controller")),
    startReplicaSetController(contextOf("replicaset-controller")),
    startEndpointsController(contextOf("endpoints-controller")),
    startGarbageCollector(contextOf("garbage-collector"), { resources: options.ownableResources }),
    startNamespaceController(contextOf("namespace-controller"), {
      namespacedResources: options.namespacedResources,
      finalize: options.finalizeNamespace,
    }),
    startDaemonSetController(contextOf("daemonset-controller")),
    startStatefulSetController(contextOf("statefulset-controller")),
    startJobController(contextOf("job-controller")),
    startCronJobController(contextOf("cronjob-controller")),
    startVolumeClaimController(contextOf("persistentvolume-binder"), options.claimsDir),
    startNotSupportedController(contextOf("local-cluster")),
  ];
  return {
    stop: () => {
      for (const controller of controllers) controller.stop();
    },
    idle: async () => {
      for (const controller of controllers) await controller.idle();
    },
  };
}
