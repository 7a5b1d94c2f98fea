import type { KubeObject } from "../../base/kube-object.ts";
import type { ObjectApi } from "../object-api.ts";
import { CONTROLLER_REVISIONS } from "../resources.ts";
import { controllerOf, controllerReference, deleteIfThere, isAlreadyExists } from "./controller.ts";
import { canonicalJson, templateHash } from "./template-hash.ts";

export const REVISION_HASH = "controller-revision-hash";

/** A workload's templates, newest last: what `kubectl rollout history` and `undo` read, and what an old pod is made from again. */
export interface Revisions {
  readonly all: readonly KubeObject[];
  /** The one of the template as it is now. */
  readonly update: KubeObject;
}

/**
 * Keeps a ControllerRevision for each template that a DaemonSet or StatefulSet has had. A template that comes back becomes the newest.
 *
 * @see kubernetes pkg/controller/history/controller_history.go
 */
export async function syncRevisions(objects: ObjectApi, owner: KubeObject): Promise<Revisions> {
  const owned = objects
    .list(CONTROLLER_REVISIONS, owner.metadata.namespace)
    .filter((revision) => controllerOf(revision)?.uid === owner.metadata.uid)
    .sort(byNumber);
  const newest = owned.at(-1)?.revision ?? 0;
  const data = { spec: { template: { ...owner.spec.template, $patch: "replace" } } };
  const wanted = canonicalJson(data);
  const same = owned.find((revision) => canonicalJson(revision.data) === wanted);
  if (!same) {
    const update = await createRevision(objects, owner, data, newest + 1);
    return { all: [...owned.filter((each) => each.metadata.uid !== update.metadata.uid), update], update };
  }
  if (same.revision === newest) return { all: owned, update: same };
  const { namespace, name } = same.metadata;
  const update = await objects.mergePatch(CONTROLLER_REVISIONS, namespace, name!, { revision: newest + 1 });
  return { all: [...owned.filter((each) => each !== same), update], update };
}

async function createRevision(
  objects: ObjectApi,
  owner: KubeObject,
  data: KubeObject["data"],
  number: number,
): Promise<KubeObject> {
  for (let collisions = 0; ; collisions++) {
    const hash = templateHash(owner.spec.template, collisions);
    const name = `${owner.metadata.name}-${hash}`;
    try {
      return await objects.create(CONTROLLER_REVISIONS, {
        apiVersion: "apps/v1",
        kind: "ControllerRevision",
        metadata: {
          name,
          namespace: owner.metadata.namespace!,
          labels: { ...owner.spec.template.metadata?.labels, [REVISION_HASH]: hash },
          ownerReferences: [controllerReference(owner)],
        },
        data,
        revision: number,
      });
    } catch (caught) {
      if (!isAlreadyExists(caught)) throw caught;
      const there = objects.get(CONTROLLER_REVISIONS, owner.metadata.namespace, name);
      if (
        there &&
        controllerOf(there)?.uid === owner.metadata.uid &&
        canonicalJson(there.data) === canonicalJson(data)
      ) {
        return there;
      }
    }
  }
}

/** The label that pods of this revision carry. */
export function hashOf(revision: KubeObject): string {
  return revision.metadata.labels?.[REVISION_HASH] ?? "";
}

/** The pod template that a revision keeps. */
export function templateOf(revision: KubeObject): KubeObject {
  const { $patch: _patch, ...template } = revision.data.spec.template;
  return template as KubeObject;
}

/** Forgets revisions beyond the limit that no pod has, oldest first. */
export async function forgetRevisions(
  objects: ObjectApi,
  owner: KubeObject,
  { all }: Revisions,
  inUse: ReadonlySet<string>,
): Promise<void> {
  const limit: number = owner.spec.revisionHistoryLimit ?? 10;
  const unused = all.slice(0, -1).filter((revision) => !inUse.has(hashOf(revision)));
  for (const revision of unused.slice(0, Math.max(0, unused.length - limit))) {
    await deleteIfThere(objects, CONTROLLER_REVISIONS, revision.metadata.namespace, revision.metadata.name!);
  }
}

function byNumber(left: KubeObject, right: KubeObject): number {
  return left.revision - right.revision;
}
