import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { KubeObject } from "../../base/kube-object.ts";
import { objectKey, PERSISTENT_VOLUME_CLAIMS, splitKey } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { writeStatus } from "./owned-pods.ts";
import { WorkQueue } from "./work-queue.ts";

/** The folder that stands for a claim's volume. It is there from the claim's being bound to its deletion. */
export function claimFolder(claimsDir: string, claim: KubeObject): string {
  return join(claimsDir, claim.metadata.uid!);
}

/** PersistentVolumeClaims: each is bound to a folder of its own, whatever size and class it asks for. */
export function startVolumeClaimController(context: ControllerContext, claimsDir: string): Controller {
  const { objects, clock, log } = context;
  /** Folders whose claim is gone, by the claim's key. */
  const abandoned = new Map<string, KubeObject[]>();
  const queue = new WorkQueue({
    name: "persistentvolume-binder",
    clock,
    log,
    reconcile: async (key) => {
      for (const claim of abandoned.get(key) ?? []) {
        await rm(claimFolder(claimsDir, claim), { recursive: true, force: true, maxRetries: 3 });
      }
      abandoned.delete(key);
      const { namespace, name } = splitKey(key);
      const claim = objects.get(PERSISTENT_VOLUME_CLAIMS, namespace, name);
      if (claim && claim.status?.phase !== "Bound") await bind(claim);
    },
  });
  const bind = async (claim: KubeObject): Promise<void> => {
    await mkdir(claimFolder(claimsDir, claim), { recursive: true });
    const { namespace, name, uid } = claim.metadata;
    if (claim.spec.volumeName === undefined) {
      await objects.mergePatch(PERSISTENT_VOLUME_CLAIMS, namespace, name!, {
        spec: { volumeName: `pvc-${uid}` },
      });
    }
    const storage = claim.spec.resources?.requests?.storage;
    await writeStatus(objects, PERSISTENT_VOLUME_CLAIMS, claim, {
      phase: "Bound",
      accessModes: claim.spec.accessModes,
      ...(storage === undefined ? {} : { capacity: { storage } }),
    });
  };
  const stop = objects.watch(PERSISTENT_VOLUME_CLAIMS, (type, claim) => {
    const key = objectKey(claim);
    if (type === "DELETED") abandoned.set(key, [...(abandoned.get(key) ?? []), claim]);
    queue.add(key);
  });
  return {
    stop: () => {
      stop();
      queue.stop();
    },
    idle: () => queue.idle(),
  };
}
