import type { KubeObject } from "../../../base/kube-object.ts";
import { timestamp } from "../prepare.ts";

/**
 * A CRD's status. It is served from the write on, so that names are accepted and `Established` is true at once: there is no controller
 * that would have to look first.
 */
export function crdStatus(crd: KubeObject, old: KubeObject["status"], nowMs: number): KubeObject["status"] {
  const stored = (crd.spec?.versions ?? []).find((version: { storage?: boolean }) => version.storage)?.name;
  const condition = (type: string, reason: string, message: string) =>
    old?.conditions?.find((each: { type: string }) => each.type === type) ?? {
      type,
      status: "True",
      lastTransitionTime: timestamp(nowMs),
      reason,
      message,
    };
  return {
    conditions: [
      condition("NamesAccepted", "NoConflicts", "no conflicts found"),
      condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ],
    acceptedNames: crd.spec?.names,
    storedVersions: [...new Set([...(old?.storedVersions ?? []), ...(stored ? [stored] : [])])],
  };
}
