import type { KubeObject } from "../../base/kube-object.ts";
import { DAEMON_SETS, NODES, PODS } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { deleteIfThere } from "./controller.ts";
import { Availability, isPodActive, ownedPods, podFromTemplate, writeStatus } from "./owned-pods.ts";
import { isPodFinished, isPodReady } from "./pod-readiness.ts";
import { forgetRevisions, hashOf, REVISION_HASH, type Revisions, syncRevisions } from "./revisions.ts";
import { resolveShare } from "./rollout.ts";
import { startWorkloadController } from "./workload-controller.ts";

/** DaemonSets: a pod of one template on each node that its selector takes. */
export function startDaemonSetController(context: ControllerContext): Controller {
  return startWorkloadController(context, {
    name: "daemonset-controller",
    resource: DAEMON_SETS,
    owned: PODS,
    shared: NODES,
    reconcile: async (set) =>
      new DaemonSetReconciler(context, set, await syncRevisions(context.objects, set)).reconcile(),
  });
}

class DaemonSetReconciler {
  readonly #context: ControllerContext;
  readonly #set: KubeObject;
  readonly #revisions: Revisions;
  readonly #hash: string;
  readonly #availability: Availability;

  constructor(context: ControllerContext, set: KubeObject, revisions: Revisions) {
    this.#context = context;
    this.#set = set;
    this.#revisions = revisions;
    this.#hash = hashOf(revisions.update);
    this.#availability = new Availability(context.clock, set.spec.minReadySeconds);
  }

  async reconcile(): Promise<number | undefined> {
    const { objects } = this.#context;
    const nodes = objects
      .list(NODES)
      .filter((node) => isSelected(node, this.#set.spec.template.spec.nodeSelector))
      .map((node) => node.metadata.name!);
    const pods = ownedPods(objects, this.#set);
    // One that has ended is replaced under a new name.
    const ended = pods.filter((pod) => isPodFinished(pod) && !pod.metadata.deletionTimestamp);
    const misplaced = pods.filter((pod) => isPodActive(pod) && !nodes.includes(nodeOf(pod)));
    await Promise.all([...ended, ...misplaced].map((pod) => this.#remove(pod)));
    let replaceable = this.#replaceable(nodes, pods);
    for (const node of nodes) {
      replaceable -= await this.#reconcileNode(
        node,
        pods.filter((pod) => nodeOf(pod) === node),
        replaceable,
      );
    }
    await this.#writeCounts(nodes);
    const inUse = new Set(
      ownedPods(objects, this.#set).map((pod) => pod.metadata.labels?.[REVISION_HASH] ?? ""),
    );
    await forgetRevisions(objects, this.#set, this.#revisions, inUse);
    return this.#availability.againMs;
  }

  /** How many pods that serve may still be taken away for newer ones. */
  #replaceable(nodes: readonly string[], pods: readonly KubeObject[]): number {
    const max = resolveShare(this.#rolling.maxUnavailable ?? 1, nodes.length, Math.ceil);
    const available = (node: string): boolean =>
      pods.some((pod) => nodeOf(pod) === node && isPodActive(pod) && this.#availability.isAvailable(pod));
    return max - nodes.filter((node) => !available(node)).length;
  }

  get #rolling(): { readonly maxUnavailable?: number | string; readonly maxSurge?: number | string } {
    return this.#set.spec.updateStrategy?.rollingUpdate ?? {};
  }

  /** @returns how many pods that served were taken away */
  async #reconcileNode(node: string, pods: readonly KubeObject[], replaceable: number): Promise<number> {
    const active = pods.filter(isPodActive);
    const isNew = (pod: KubeObject): boolean => pod.metadata.labels?.[REVISION_HASH] === this.#hash;
    const [current, ...surplus] = active.filter(isNew);
    const old = active.filter((pod) => !isNew(pod));
    await Promise.all(surplus.map((pod) => this.#remove(pod)));
    if (active.length === 0) {
      // The one before may hold ports: it leaves first.
      if (!pods.some((pod) => pod.metadata.deletionTimestamp && !isPodFinished(pod)))
        await this.#create(node);
      return 0;
    }
    if (old.length === 0) return 0;
    if (current) {
      // A surge: the old one goes when the new one serves.
      if (this.#availability.isAvailable(current)) await Promise.all(old.map((pod) => this.#remove(pod)));
      return 0;
    }
    if (this.#set.spec.updateStrategy?.type === "OnDelete") return 0;
    if (resolveShare(this.#rolling.maxSurge ?? 0, 1, Math.ceil) > 0) {
      await this.#create(node);
      return 0;
    }
    const serving = old.some((pod) => this.#availability.isAvailable(pod));
    if (serving && replaceable <= 0) return 0;
    await Promise.all(old.map((pod) => this.#remove(pod)));
    return serving ? 1 : 0;
  }

  async #create(node: string): Promise<void> {
    const { objects, events } = this.#context;
    const pod = podFromTemplate(this.#set, this.#set.spec.template, {
      generateName: `${this.#set.metadata.name}-`,
      labels: {
        [REVISION_HASH]: this.#hash,
        "pod-template-generation": String(this.#set.metadata.generation ?? 1),
      },
    });
    const placed = { ...pod, spec: { ...pod.spec, affinity: onNode(node, pod.spec.affinity) } };
    try {
      const created = await objects.create(PODS, placed);
      events.record(this.#set, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata.name}`);
    } catch (caught) {
      const message = caught instanceof Error ? caught.message : String(caught);
      events.record(this.#set, "Warning", "FailedCreate", `Error creating: ${message}`);
      throw caught;
    }
  }

  async #remove(pod: KubeObject): Promise<void> {
    const { objects, events } = this.#context;
    await deleteIfThere(objects, PODS, pod.metadata.namespace, pod.metadata.name!, {
      uid: pod.metadata.uid!,
    });
    events.record(this.#set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
  }

  async #writeCounts(nodes: readonly string[]): Promise<void> {
    const { objects } = this.#context;
    const pods = ownedPods(objects, this.#set).filter(isPodActive);
    const onNodes = (test: (pod: KubeObject) => boolean): number =>
      nodes.filter((node) => pods.some((pod) => nodeOf(pod) === node && test(pod))).length;
    const available = onNodes((pod) => this.#availability.isAvailable(pod));
    await writeStatus(objects, DAEMON_SETS, this.#set, {
      currentNumberScheduled: onNodes(() => true),
      desiredNumberScheduled: nodes.length,
      numberMisscheduled: pods.filter((pod) => !nodes.includes(nodeOf(pod))).length,
      numberReady: onNodes(isPodReady),
      updatedNumberScheduled: onNodes((pod) => pod.metadata.labels?.[REVISION_HASH] === this.#hash),
      numberAvailable: available,
      numberUnavailable: nodes.length - available,
      observedGeneration: this.#set.metadata.generation ?? 0,
    });
  }
}

function isSelected(node: KubeObject, selector: Readonly<Record<string, string>> | undefined): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => node.metadata.labels?.[key] === value);
}

/** Pods are bound to their node by name, as upstream does, in addition to what their template asks. */
function onNode(node: string, affinity: KubeObject["affinity"]): unknown {
  const matchFields = [{ key: "metadata.name", operator: "In", values: [node] }];
  return {
    ...affinity,
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
}

function nodeOf(pod: KubeObject): string {
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms[0]?.matchFields?.[0]?.values?.[0] ?? pod.spec.nodeName ?? "";
}
