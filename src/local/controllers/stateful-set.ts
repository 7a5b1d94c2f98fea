import type { KubeObject } from "../../base/kube-object.ts";
import { PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { createIfMissing, deleteIfThere, isAlreadyExists } from "./controller.ts";
import { Availability, ownedPods, podFromTemplate, writeStatus } from "./owned-pods.ts";
import { isPodFinished, isPodReady } from "./pod-readiness.ts";
import {
  forgetRevisions,
  hashOf,
  REVISION_HASH,
  type Revisions,
  syncRevisions,
  templateOf,
} from "./revisions.ts";
import { startWorkloadController } from "./workload-controller.ts";

/** StatefulSets: pods with numbers, made and taken away in order, each with its own claims. */
export function startStatefulSetController(context: ControllerContext): Controller {
  return startWorkloadController(context, {
    name: "statefulset-controller",
    resource: STATEFUL_SETS,
    owned: PODS,
    reconcile: async (set) =>
      new StatefulSetReconciler(context, set, await syncRevisions(context.objects, set)).reconcile(),
  });
}

/**
 * One step towards what the set wants; each change of a pod asks for the next.
 *
 *   1. pods 0, 1, ... are made, each when the one before serves (Parallel: at once)
 *   2. pods with higher numbers leave, highest first
 *   3. pods of an older template leave, highest first, down to the partition; step 1 makes them anew
 *
 * @see kubernetes pkg/controller/statefulset/stateful_set_control.go
 */
class StatefulSetReconciler {
  readonly #context: ControllerContext;
  readonly #set: KubeObject;
  readonly #revisions: Revisions;
  readonly #updateHash: string;
  readonly #currentHash: string;
  readonly #availability: Availability;
  readonly #pods: ReadonlyMap<number, KubeObject>;
  readonly #start: number;
  readonly #replicas: number;

  constructor(context: ControllerContext, set: KubeObject, revisions: Revisions) {
    this.#context = context;
    this.#set = set;
    this.#revisions = revisions;
    this.#updateHash = hashOf(revisions.update);
    const current = revisions.all.find((revision) => revision.metadata.name === set.status?.currentRevision);
    this.#currentHash = current ? hashOf(current) : this.#updateHash;
    this.#availability = new Availability(context.clock, set.spec.minReadySeconds);
    this.#pods = new Map(ownedPods(context.objects, set).map((pod) => [ordinalOf(pod), pod]));
    this.#start = set.spec.ordinals?.start ?? 0;
    this.#replicas = set.spec.replicas ?? 1;
  }

  async reconcile(): Promise<number | undefined> {
    const { objects } = this.#context;
    if (await this.#make()) if (await this.#takeAway()) await this.#rollOver();
    await this.#writeCounts();
    const inUse = new Set([this.#currentHash, ...[...this.#pods.values()].map(revisionOf)]);
    await forgetRevisions(objects, this.#set, this.#revisions, inUse);
    return this.#availability.againMs;
  }

  get #isParallel(): boolean {
    return this.#set.spec.podManagementPolicy === "Parallel";
  }

  #isWanted(ordinal: number): boolean {
    return ordinal >= this.#start && ordinal < this.#start + this.#replicas;
  }

  /** @returns whether all wanted pods serve, so that the next step may begin */
  async #make(): Promise<boolean> {
    let isWhole = true;
    for (let ordinal = this.#start; ordinal < this.#start + this.#replicas; ordinal++) {
      const pod = this.#pods.get(ordinal);
      if (!pod) await this.#create(ordinal);
      // A pod that ended leaves its name to the next one.
      else if (isPodFinished(pod) && !pod.metadata.deletionTimestamp) await this.#remove(pod);
      else if (!pod.metadata.deletionTimestamp && this.#availability.isAvailable(pod)) continue;
      isWhole = false;
      if (!this.#isParallel) return false;
    }
    return isWhole || this.#isParallel;
  }

  async #takeAway(): Promise<boolean> {
    const condemned = [...this.#pods]
      .filter(([ordinal]) => !this.#isWanted(ordinal))
      .sort(([left], [right]) => right - left)
      .map(([, pod]) => pod);
    if (condemned.length === 0) return true;
    if (this.#isParallel) {
      await Promise.all(
        condemned.filter((pod) => !pod.metadata.deletionTimestamp).map((pod) => this.#remove(pod)),
      );
      return true;
    }
    const [highest] = condemned;
    if (!highest!.metadata.deletionTimestamp) await this.#remove(highest!);
    return false;
  }

  async #rollOver(): Promise<void> {
    const strategy = this.#set.spec.updateStrategy ?? {};
    if (strategy.type === "OnDelete") return;
    const partition = this.#start + (strategy.rollingUpdate?.partition ?? 0);
    for (let ordinal = this.#start + this.#replicas - 1; ordinal >= partition; ordinal--) {
      const pod = this.#pods.get(ordinal);
      if (!pod || pod.metadata.deletionTimestamp) return;
      if (revisionOf(pod) !== this.#updateHash) {
        await this.#remove(pod);
        return;
      }
      if (!this.#availability.isAvailable(pod)) return;
    }
  }

  async #create(ordinal: number): Promise<void> {
    const { objects, events } = this.#context;
    const name = `${this.#set.metadata.name}-${ordinal}`;
    const partition = this.#start + (this.#set.spec.updateStrategy?.rollingUpdate?.partition ?? 0);
    const isOld = this.#currentHash !== this.#updateHash && ordinal < partition;
    const hash = isOld ? this.#currentHash : this.#updateHash;
    const revision = this.#revisions.all.find((each) => hashOf(each) === hash) ?? this.#revisions.update;
    const claims = await this.#createClaims(ordinal);
    const pod = podFromTemplate(this.#set, templateOf(revision), {
      name,
      labels: {
        "apps.kubernetes.io/pod-index": String(ordinal),
        "statefulset.kubernetes.io/pod-name": name,
        [REVISION_HASH]: hash,
      },
    });
    const volumes = (pod.spec.volumes ?? []).filter(
      ({ name }: KubeObject) => !claims.some((each) => each.name === name),
    );
    try {
      await objects.create(PODS, {
        ...pod,
        spec: {
          ...pod.spec,
          hostname: name,
          ...(this.#set.spec.serviceName ? { subdomain: this.#set.spec.serviceName } : {}),
          volumes: [...volumes, ...claims],
        },
      });
      const text = `create Pod ${name} in StatefulSet ${this.#set.metadata.name} successful`;
      events.record(this.#set, "Normal", "SuccessfulCreate", text);
    } catch (caught) {
      if (isAlreadyExists(caught)) return;
      const message = caught instanceof Error ? caught.message : String(caught);
      events.record(
        this.#set,
        "Warning",
        "FailedCreate",
        `create Pod ${name} in StatefulSet ${this.#set.metadata.name} failed error: ${message}`,
      );
      throw caught;
    }
  }

  /** A claim of each template for this pod; one that exists from an earlier pod of the number is kept, with what is in it. */
  async #createClaims(
    ordinal: number,
  ): Promise<{ name: string; persistentVolumeClaim: { claimName: string } }[]> {
    const { objects } = this.#context;
    const templates: KubeObject[] = this.#set.spec.volumeClaimTemplates ?? [];
    const volumes = [];
    for (const template of templates) {
      const claimName = `${template.metadata.name}-${this.#set.metadata.name}-${ordinal}`;
      await createIfMissing(objects, PERSISTENT_VOLUME_CLAIMS, {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: {
          ...template.metadata,
          name: claimName,
          namespace: this.#set.metadata.namespace!,
          labels: { ...template.metadata.labels, ...this.#set.spec.selector?.matchLabels },
        },
        spec: template.spec,
      });
      volumes.push({ name: template.metadata.name!, persistentVolumeClaim: { claimName } });
    }
    return volumes;
  }

  async #remove(pod: KubeObject): Promise<void> {
    const { objects, events } = this.#context;
    const { name } = pod.metadata;
    await deleteIfThere(objects, PODS, pod.metadata.namespace, name!, { uid: pod.metadata.uid! });
    const text = `delete Pod ${name} in StatefulSet ${this.#set.metadata.name} successful`;
    events.record(this.#set, "Normal", "SuccessfulDelete", text);
  }

  async #writeCounts(): Promise<void> {
    const { objects } = this.#context;
    const set = this.#set;
    const pods = ownedPods(objects, set).filter((pod) => !pod.metadata.deletionTimestamp);
    const updated = pods.filter((pod) => revisionOf(pod) === this.#updateHash);
    const wanted = pods.filter((pod) => this.#isWanted(ordinalOf(pod)));
    const isRolledOut =
      wanted.length === this.#replicas &&
      wanted.every((pod) => revisionOf(pod) === this.#updateHash && isPodReady(pod));
    const nameOf = (hash: string): string => `${set.metadata.name}-${hash}`;
    await writeStatus(objects, STATEFUL_SETS, set, {
      replicas: pods.length,
      readyReplicas: pods.filter(isPodReady).length,
      availableReplicas: pods.filter((pod) => this.#availability.isAvailable(pod)).length,
      updatedReplicas: updated.length,
      currentReplicas: isRolledOut
        ? updated.length
        : pods.filter((pod) => revisionOf(pod) === this.#currentHash).length,
      currentRevision: nameOf(isRolledOut ? this.#updateHash : this.#currentHash),
      updateRevision: nameOf(this.#updateHash),
      collisionCount: set.status?.collisionCount ?? 0,
      observedGeneration: set.metadata.generation ?? 0,
    });
  }
}

function revisionOf(pod: KubeObject): string {
  return pod.metadata.labels?.[REVISION_HASH] ?? "";
}

function ordinalOf(pod: KubeObject): number {
  return Number(/-(\d+)$/.exec(pod.metadata.name ?? "")?.[1] ?? -1);
}
