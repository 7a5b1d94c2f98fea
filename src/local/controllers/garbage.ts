import type { KubeObject } from "../../base/kube-object.ts";
import type { ResourceRef } from "../../kube/source.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { deleteIfThere, isNotFound } from "./controller.ts";
import { WorkQueue } from "./work-queue.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

/**
 * Deletes what lost all its owners, by uid, and carries out foreground and orphan deletions through their finalizers.
 *
 * It watches the given resources: owners and dependents of other kinds are not collected.
 */
export function startGarbageCollector(
  context: ControllerContext,
  options: { readonly resources: readonly ResourceRef[] },
): Controller {
  const collector = new GarbageCollector(context, options.resources);
  const stops = options.resources.map((resource) =>
    context.objects.watch(resource, (type, object) => collector.observe(resource, type, object)),
  );
  return {
    stop: () => {
      for (const stop of stops) stop();
      collector.queue.stop();
    },
    idle: () => collector.queue.idle(),
  };
}

interface Node {
  readonly resource: ResourceRef;
  object: KubeObject;
}

class GarbageCollector {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #resources: readonly ResourceRef[];
  readonly #nodes = new Map<string, Node>();
  /** Owner uid -> uids of its dependents. */
  readonly #dependents = new Map<string, Set<string>>();

  constructor(context: ControllerContext, resources: readonly ResourceRef[]) {
    this.#context = context;
    this.#resources = resources;
    this.queue = new WorkQueue({
      name: "garbage-collector",
      clock: context.clock,
      log: context.log,
      reconcile: (uid) => this.#reconcile(uid),
    });
  }

  observe(resource: ResourceRef, type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void {
    const uid = object.metadata.uid;
    if (uid === undefined) return;
    if (type === "DELETED") {
      this.#unlink(this.#nodes.get(uid)?.object ?? object);
      this.#nodes.delete(uid);
      for (const dependent of this.#dependents.get(uid) ?? []) this.queue.add(dependent);
      // A foreground deletion of the owner may have waited for this one.
      for (const owner of object.metadata.ownerReferences ?? []) this.queue.add(owner.uid);
      return;
    }
    const known = this.#nodes.get(uid);
    if (known) this.#unlink(known.object);
    this.#nodes.set(uid, { resource, object });
    const owners = object.metadata.ownerReferences ?? [];
    for (const owner of owners) {
      let set = this.#dependents.get(owner.uid);
      if (!set) this.#dependents.set(owner.uid, (set = new Set()));
      set.add(uid);
    }
    const isFinalizing =
      object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers?.length ?? 0) > 0;
    if (isFinalizing || (owners.length > 0 && !known)) this.queue.add(uid);
  }

  #unlink(object: KubeObject): void {
    for (const owner of object.metadata.ownerReferences ?? []) {
      const set = this.#dependents.get(owner.uid);
      set?.delete(object.metadata.uid!);
      if (set?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  async #reconcile(uid: string): Promise<void> {
    const node = this.#nodes.get(uid);
    if (!node) return;
    const { object } = node;
    if (object.metadata.deletionTimestamp) return this.#finalize(node);
    const owners = object.metadata.ownerReferences ?? [];
    if (owners.length === 0 || owners.some((owner) => this.#isAlive(owner, object))) return;
    await deleteIfThere(
      this.#context.objects,
      node.resource,
      object.metadata.namespace,
      object.metadata.name!,
      { uid, propagationPolicy: "Background" },
    );
  }

  /** An owner of a kind that is not watched counts as alive: better litter than loss. */
  #isAlive(
    owner: { apiVersion: string; kind: string; name: string; uid: string },
    dependent: KubeObject,
  ): boolean {
    if (this.#nodes.has(owner.uid)) return true;
    const resource = this.#resourceOf(owner);
    if (!resource) return true;
    const { objects } = this.#context;
    const namespace = dependent.metadata.namespace;
    const current =
      objects.get(resource, namespace, owner.name) ?? objects.get(resource, undefined, owner.name);
    return current?.metadata.uid === owner.uid;
  }

  #resourceOf(owner: { apiVersion: string; kind: string }): ResourceRef | undefined {
    const slash = owner.apiVersion.indexOf("/");
    const group = slash < 0 ? "" : owner.apiVersion.slice(0, slash);
    return this.#resources.find((resource) => resource.kind === owner.kind && resource.group === group);
  }

  async #finalize({ resource, object }: Node): Promise<void> {
    const finalizers = object.metadata.finalizers ?? [];
    const dependents = [...(this.#dependents.get(object.metadata.uid!) ?? [])]
      .map((uid) => this.#nodes.get(uid))
      .filter((node): node is Node => node !== undefined);
    if (finalizers.includes(ORPHAN)) {
      await Promise.all(dependents.map((node) => this.#release(node, object.metadata.uid!)));
      await this.#removeFinalizer(resource, object, ORPHAN);
    } else if (finalizers.includes(FOREGROUND)) {
      const blocking = dependents.filter((node) =>
        node.object.metadata.ownerReferences?.some(
          (owner) => owner.uid === object.metadata.uid && owner.blockOwnerDeletion,
        ),
      );
      await Promise.all(
        dependents
          .filter((node) => !node.object.metadata.deletionTimestamp)
          .map((node) =>
            deleteIfThere(
              this.#context.objects,
              node.resource,
              node.object.metadata.namespace,
              node.object.metadata.name!,
              { uid: node.object.metadata.uid!, propagationPolicy: "Foreground" },
            ),
          ),
      );
      if (blocking.length === 0) await this.#removeFinalizer(resource, object, FOREGROUND);
    }
  }

  async #release({ resource, object }: Node, ownerUid: string): Promise<void> {
    const ownerReferences = object.metadata.ownerReferences?.filter(({ uid }) => uid !== ownerUid) ?? [];
    await this.#patch(resource, object, {
      ownerReferences: ownerReferences.length > 0 ? ownerReferences : null,
    });
  }

  async #removeFinalizer(resource: ResourceRef, object: KubeObject, finalizer: string): Promise<void> {
    const finalizers = object.metadata.finalizers?.filter((each) => each !== finalizer) ?? [];
    await this.#patch(resource, object, { finalizers: finalizers.length > 0 ? finalizers : null });
  }

  async #patch(resource: ResourceRef, object: KubeObject, metadata: object): Promise<void> {
    try {
      await this.#context.objects.mergePatch(resource, object.metadata.namespace, object.metadata.name!, {
        metadata,
      });
    } catch (caught) {
      if (!isNotFound(caught)) throw caught;
    }
  }
}
