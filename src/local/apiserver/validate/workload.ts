import { type KubeObject, matchesSelector } from "../../../base/kube-object.ts";
import { deepEqual } from "../deep-equal.ts";
import type { Causes } from "./causes.ts";
import { validateLabels } from "./names.ts";
import { validatePodSpec } from "./pod.ts";

/** Deployment, ReplicaSet, StatefulSet, DaemonSet: the selector must select the template's pods and stay as it is. */
export function validateWorkload(object: KubeObject, old: KubeObject | undefined, causes: Causes): void {
  const { selector, template, replicas } = object.spec;
  const labels = template?.metadata?.labels ?? {};
  if (selector === undefined) {
    causes.required("spec.selector");
    causes.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
  } else if (
    Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length ===
    0
  ) {
    causes.invalid("spec.selector", selector, "empty selector is invalid for deployment");
  } else if (!matchesSelector(selector, labels)) {
    causes.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
  }
  validateReplicas(replicas, causes);
  const claims: readonly KubeObject[] = object.spec.volumeClaimTemplates ?? [];
  const claimNames = claims.map((claim) => claim.metadata?.name ?? "");
  if (template) validateTemplate(template, ["Always"], causes, claimNames);
  if (old && !deepEqual(selector, old.spec.selector)) {
    causes.invalid("spec.selector", selector, "field is immutable");
  }
}

/** ReplicationController: a plain map as selector, taken from the template when it is missing. */
export function validateReplicationController(object: KubeObject, causes: Causes): void {
  validateReplicas(object.spec?.replicas, causes);
  if (object.spec?.template) validateTemplate(object.spec.template, ["Always"], causes);
}

export function validateJob(object: KubeObject, old: KubeObject | undefined, causes: Causes): void {
  const template = object.spec?.template;
  if (template) validateTemplate(template, ["OnFailure", "Never"], causes);
  if (old && !deepEqual(template, old.spec.template)) {
    causes.invalid("spec.template", "(template)", "field is immutable");
  }
}

export function validateReplicas(replicas: unknown, causes: Causes): void {
  if (typeof replicas === "number" && replicas < 0) {
    causes.invalid("spec.replicas", replicas, "must be greater than or equal to 0");
  }
}

function validateTemplate(
  template: KubeObject,
  restartPolicies: readonly string[],
  causes: Causes,
  claims: readonly string[] = [],
): void {
  validateLabels("spec.template.labels", template.metadata?.labels, causes);
  const spec = template.spec ?? {};
  validatePodSpec(spec, "spec.template.spec", causes, claims);
  if (!restartPolicies.includes(spec.restartPolicy)) {
    causes.unsupported("spec.template.spec.restartPolicy", spec.restartPolicy, restartPolicies);
  }
}
