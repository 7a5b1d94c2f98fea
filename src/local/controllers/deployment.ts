import type { KubeObject } from "../../base/kube-object.ts";
import { DEPLOYMENTS, REPLICA_SETS } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import {
  controllerOf,
  controllerReference,
  deleteIfThere,
  isAlreadyExists,
  mergeConditions,
  timestamp,
} from "./controller.ts";
import { deploymentStatus, hasTimedOut, isComplete } from "./deployment-status.ts";
import { writeStatus } from "./owned-pods.ts";
import type { ReplicaSetCounts } from "./rollout.ts";
import { nextReplicas, resolveFenceposts, scaleInProportion } from "./rollout.ts";
import { templateHash } from "./template-hash.ts";
import { startWorkloadController } from "./workload-controller.ts";

const REVISION = "deployment.kubernetes.io/revision";
const DESIRED = "deployment.kubernetes.io/desired-replicas";
const MAX = "deployment.kubernetes.io/max-replicas";
const HASH_LABEL = "pod-template-hash";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * Deployments: one ReplicaSet for each template, rolled over by the arithmetic of rollout.ts, with the status that
 * `kubectl rollout status` reads.
 */
export function startDeploymentController(context: ControllerContext): Controller {
  const reconciler = new DeploymentReconciler(context);
  return startWorkloadController(context, {
    name: "deployment-controller",
    resource: DEPLOYMENTS,
    owned: REPLICA_SETS,
    reconcile: (deployment) => reconciler.reconcile(deployment),
  });
}

class DeploymentReconciler {
  readonly #context: ControllerContext;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** @returns milliseconds after which to look again even if nothing changes (a progress deadline) */
  async reconcile(deployment: KubeObject): Promise<number | undefined> {
    const { objects } = this.#context;
    const namespace = deployment.metadata.namespace!;
    const owned = this.#ownedSets(deployment);
    const revisions = owned.map(revisionOf);
    const hashOf = (set: KubeObject) => set.metadata.labels?.[HASH_LABEL];
    const hash = templateHash(deployment.spec.template, deployment.status?.collisionCount ?? 0);
    let current = owned.find((set) => hashOf(set) === hash);
    const old = owned.filter((set) => set !== current);
    const paused = deployment.spec.paused === true;

    if (!current && !paused) {
      current = await this.#createSet(deployment, hash, Math.max(0, ...revisions) + 1);
      if (!current) return undefined;
    } else if (current && old.some((set) => revisionOf(set) > revisionOf(current!))) {
      // The template of an older revision came back (rollout undo): it becomes the newest.
      current = await objects.mergePatch(REPLICA_SETS, namespace, current.metadata.name!, {
        metadata: { annotations: { [REVISION]: String(Math.max(...revisions) + 1) } },
      });
    }
    if (current) await this.#adoptRevision(deployment, current);
    const scaled = await this.#scale(deployment, current, old, paused);
    const againMs = await this.#writeStatus(deployment, scaled.current, scaled.old);
    if (scaled.current && isComplete(deployment, scaled.current, scaled.old)) {
      await this.#cleanUp(deployment, scaled.old);
    }
    return againMs;
  }

  #ownedSets(deployment: KubeObject): KubeObject[] {
    return this.#context.objects
      .list(REPLICA_SETS, deployment.metadata.namespace)
      .filter((set) => controllerOf(set)?.uid === deployment.metadata.uid && !set.metadata.deletionTimestamp);
  }

  async #createSet(deployment: KubeObject, hash: string, revision: number): Promise<KubeObject | undefined> {
    const { objects } = this.#context;
    const { namespace } = deployment.metadata;
    const name = `${deployment.metadata.name}-${hash}`;
    const template = deployment.spec.template;
    const withHash = { ...template.metadata?.labels, [HASH_LABEL]: hash };
    const { [LAST_APPLIED]: _applied, ...annotations } = deployment.metadata.annotations ?? {};
    try {
      const created = await objects.create(REPLICA_SETS, {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata: {
          name,
          namespace: namespace!,
          labels: withHash,
          annotations: { ...annotations, [REVISION]: String(revision) },
          ownerReferences: [controllerReference(deployment)],
        },
        spec: {
          replicas: 0,
          ...(deployment.spec.minReadySeconds ? { minReadySeconds: deployment.spec.minReadySeconds } : {}),
          selector: {
            ...deployment.spec.selector,
            matchLabels: { ...deployment.spec.selector?.matchLabels, [HASH_LABEL]: hash },
          },
          template: { ...template, metadata: { ...template.metadata, labels: withHash } },
        },
      });
      return created;
    } catch (caught) {
      if (!isAlreadyExists(caught)) throw caught;
      // Somebody else's set has our name: another hash, on the status change that this makes.
      await objects.mergePatch(
        DEPLOYMENTS,
        namespace,
        deployment.metadata.name!,
        { status: { collisionCount: (deployment.status?.collisionCount ?? 0) + 1 } },
        "status",
      );
      return undefined;
    }
  }

  async #adoptRevision(deployment: KubeObject, current: KubeObject): Promise<void> {
    const revision = current.metadata.annotations?.[REVISION];
    if (revision === undefined || deployment.metadata.annotations?.[REVISION] === revision) return;
    await this.#context.objects.mergePatch(
      DEPLOYMENTS,
      deployment.metadata.namespace,
      deployment.metadata.name!,
      { metadata: { annotations: { [REVISION]: revision } } },
    );
  }

  /** Writes the next counts, and returns the sets as they are then. */
  async #scale(
    deployment: KubeObject,
    current: KubeObject | undefined,
    old: readonly KubeObject[],
    paused: boolean,
  ): Promise<{ current: KubeObject | undefined; old: readonly KubeObject[] }> {
    const replicas: number = deployment.spec.replicas ?? 1;
    const rolling = deployment.spec.strategy?.rollingUpdate;
    const fenceposts = resolveFenceposts(rolling?.maxSurge, rolling?.maxUnavailable, replicas);
    const strategy = deployment.spec.strategy?.type === "Recreate" ? "Recreate" : "RollingUpdate";
    const all = current ? [...old, current] : [...old];
    const counts = new Map(all.map((set) => [set, countsOf(set)]));
    const isResized = all.some(
      (set) =>
        countsOf(set).desired > 0 &&
        set.metadata.annotations?.[DESIRED] !== undefined &&
        set.metadata.annotations[DESIRED] !== String(replicas),
    );
    let next: Map<string, number> | undefined;
    if (isResized && strategy === "RollingUpdate") {
      next = scaleInProportion([...counts.values()], replicas === 0 ? 0 : replicas + fenceposts.maxSurge);
    }
    if (!next && paused) {
      // A paused rollout still follows `kubectl scale`, with the one set that has pods.
      const active = [...counts.values()].filter((set) => set.desired > 0);
      const only = active.length === 1 ? active[0]! : undefined;
      next = new Map(only && only.desired !== replicas ? [[only.name, replicas]] : []);
    }
    if (!next && current) {
      next = nextReplicas(
        { replicas, strategy, ...fenceposts },
        counts.get(current)!,
        old.map((set) => counts.get(set)!),
      );
    }
    const write = async (set: KubeObject): Promise<KubeObject> => {
      const to = next?.get(set.metadata.name!);
      const isActive = (to ?? countsOf(set).desired) > 0;
      const isStale = isActive && set.metadata.annotations?.[DESIRED] !== String(replicas);
      if (to === undefined && !isStale) return set;
      const max = replicas === 0 ? 0 : replicas + (strategy === "Recreate" ? 0 : fenceposts.maxSurge);
      const annotations = { [DESIRED]: String(replicas), [MAX]: String(max) };
      return this.#writeScale(deployment, set, to ?? countsOf(set).desired, annotations);
    };
    const written = await Promise.all(old.map(write));
    return { current: current && (await write(current)), old: written };
  }

  async #writeScale(
    deployment: KubeObject,
    set: KubeObject,
    to: number,
    annotations: Readonly<Record<string, string>>,
  ): Promise<KubeObject> {
    const { objects, events } = this.#context;
    const from = countsOf(set).desired;
    const patched = await objects.mergePatch(REPLICA_SETS, set.metadata.namespace, set.metadata.name!, {
      metadata: { annotations },
      ...(from === to ? {} : { spec: { replicas: to } }),
    });
    if (from !== to) {
      const direction = to > from ? "up" : "down";
      events.record(
        deployment,
        "Normal",
        "ScalingReplicaSet",
        `Scaled ${direction} replica set ${set.metadata.name} from ${from} to ${to}`,
      );
    }
    return patched;
  }

  async #writeStatus(
    deployment: KubeObject,
    current: KubeObject | undefined,
    old: readonly KubeObject[],
  ): Promise<number | undefined> {
    const { objects, clock } = this.#context;
    const now = timestamp(clock.now());
    const { counts, conditions } = deploymentStatus(deployment, current, old, clock.now());
    const status = {
      ...counts,
      conditions: mergeConditions(deployment.status?.conditions, conditions, now, "with-update-time"),
    };
    await writeStatus(objects, DEPLOYMENTS, deployment, status);
    const deadlineSeconds: number = deployment.spec.progressDeadlineSeconds ?? 600;
    const done = current !== undefined && isComplete(deployment, current, old);
    if (done || hasTimedOut(status.conditions) || deployment.spec.paused) return undefined;
    return deadlineSeconds * 1000 + 1000;
  }

  /** Forgets old empty sets beyond `revisionHistoryLimit`, oldest first. */
  async #cleanUp(deployment: KubeObject, old: readonly KubeObject[]): Promise<void> {
    const limit: number = deployment.spec.revisionHistoryLimit ?? 10;
    const empty = old
      .filter((set) => countsOf(set).desired === 0 && countsOf(set).current === 0)
      .sort((left, right) => revisionOf(left) - revisionOf(right));
    for (const set of empty.slice(0, Math.max(0, empty.length - limit))) {
      await deleteIfThere(this.#context.objects, REPLICA_SETS, set.metadata.namespace, set.metadata.name!, {
        propagationPolicy: "Background",
      });
    }
  }
}

function revisionOf(set: KubeObject): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

function countsOf(set: KubeObject): ReplicaSetCounts {
  return {
    name: set.metadata.name!,
    desired: set.spec.replicas ?? 1,
    current: set.status?.replicas ?? 0,
    available: set.status?.availableReplicas ?? 0,
    order: revisionOf(set),
  };
}
