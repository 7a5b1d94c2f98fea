import type { KubeObject } from "../../../base/kube-object.ts";
import { validateSchema } from "../crd/validate.ts";
import { deepEqual } from "../deep-equal.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { findMissing } from "../schema/fields.ts";
import { invalid } from "../status.ts";
import { Causes } from "./causes.ts";
import { validateMetadata } from "./names.ts";
import { validatePodSpec, validatePodUpdate } from "./pod.ts";
import { validateService } from "./service.ts";
import { validateWebhooks } from "./webhook.ts";
import { validateJob, validateReplicationController, validateWorkload } from "./workload.ts";

/**
 * Refuses what Kubernetes would refuse, as far as a mesh and its users meet it: required fields of every built-in kind (from the field
 * table), names and labels, and the rules of the main kinds.
 *
 * @throws MeshError 422 `Invalid` with every cause found
 */
export function validateObject(
  resource: ResourceInfo,
  object: KubeObject,
  old: KubeObject | undefined,
): void {
  const causes = new Causes();
  validateMetadata(resource, object, causes);
  if (resource.crd?.schema) {
    const { apiVersion: _v, kind: _k, metadata: _m, ...body } = object;
    validateSchema(resource.crd.schema, body, "", causes.list);
  } else if (resource.fields) {
    const missing: string[] = [];
    findMissing(resource.fields, object, "", missing);
    // What a rule of the kind says better is left to it.
    for (const field of missing) if (!/^rules\[\d+\]\.verbs$/.test(field)) causes.required(field);
  }
  // The rules below read what must be there.
  const hasSpec = object.spec !== undefined && object.spec !== null;
  if (hasSpec || !NEEDS_SPEC.has(resource.bucket)) RULES[resource.bucket]?.(object, old, causes);
  else causes.required("spec");
  const seen = new Set<string>();
  const unique = causes.list.filter((cause) => {
    const key = `${cause.field}\n${cause.reason}`;
    if (cause.reason === "FieldValueRequired" && seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  if (unique.length > 0) throw invalid(resource, object.metadata.name ?? "", unique);
}

type Rule = (object: KubeObject, old: KubeObject | undefined, causes: Causes) => void;

const NEEDS_SPEC = new Set([
  "/pods",
  "/services",
  "apps/deployments",
  "apps/replicasets",
  "apps/statefulsets",
  "apps/daemonsets",
  "apiextensions.k8s.io/customresourcedefinitions",
]);

const RULES: Readonly<Record<string, Rule>> = {
  "/pods": (pod, old, causes) => {
    validatePodSpec(pod.spec, "spec", causes);
    if (old) validatePodUpdate(pod, old, causes);
  },
  "/services": (service, _old, causes) => validateService(service, causes),
  "/replicationcontrollers": (object, _old, causes) => validateReplicationController(object, causes),
  "/configmaps": (object, old, causes) => {
    if (!old?.immutable) return;
    if (!object.immutable) causes.forbidden("immutable", "field is immutable when `immutable` is set");
    if (!deepEqual(object.data, old.data))
      causes.forbidden("data", "field is immutable when `immutable` is set");
  },
  "/secrets": (object, old, causes) => {
    if (old && object.type !== old.type) causes.invalid("type", object.type, "field is immutable");
    for (const [key, value] of Object.entries((object.data ?? {}) as Record<string, string>)) {
      if (!/^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/.test(value)) {
        causes.invalid(
          `data[${key}]`,
          "(not shown)",
          "the value is not base64; plain text belongs in stringData",
        );
      }
    }
  },
  "apps/deployments": validateWorkload,
  "apps/replicasets": validateWorkload,
  "apps/statefulsets": validateWorkload,
  "apps/daemonsets": validateWorkload,
  "batch/jobs": validateJob,
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": (object, _old, causes) =>
    validateWebhooks(object, causes),
  "admissionregistration.k8s.io/validatingwebhookconfigurations": (object, _old, causes) =>
    validateWebhooks(object, causes),
  "rbac.authorization.k8s.io/roles": validateRole,
  "rbac.authorization.k8s.io/clusterroles": validateRole,
  "rbac.authorization.k8s.io/rolebindings": validateBinding,
  "rbac.authorization.k8s.io/clusterrolebindings": validateBinding,
  "apiextensions.k8s.io/customresourcedefinitions": (crd, _old, causes) => {
    const { group, names, versions, scope } = crd.spec;
    if (names?.plural && crd.metadata.name !== `${names.plural}.${group}`) {
      causes.invalid("metadata.name", crd.metadata.name, 'must be spec.names.plural+"."+spec.group');
    }
    const scopes = ["Cluster", "Namespaced"];
    if (scope !== undefined && !scopes.includes(scope)) causes.unsupported("spec.scope", scope, scopes);
    const stored = (versions ?? []).filter((version: { storage?: boolean }) => version.storage).length;
    if (stored !== 1) {
      causes.invalid(
        "spec.versions",
        "(versions)",
        "must have exactly one version marked as storage version",
      );
    }
    (versions ?? []).forEach((version: KubeObject, index: number) => {
      if (!version.schema?.openAPIV3Schema) {
        causes.required(`spec.versions[${index}].schema.openAPIV3Schema`, "schemas are required");
      }
    });
  },
};

function validateRole(role: KubeObject, _old: KubeObject | undefined, causes: Causes): void {
  ((role.rules ?? []) as { verbs?: readonly string[] }[]).forEach(({ verbs = [] }, index) => {
    if (verbs.length === 0) causes.required(`rules[${index}].verbs`, "verbs must contain at least one value");
  });
}

function validateBinding(object: KubeObject, old: KubeObject | undefined, causes: Causes): void {
  const kinds = object.kind === "ClusterRoleBinding" ? ["ClusterRole"] : ["Role", "ClusterRole"];
  if (object.roleRef?.kind && !kinds.includes(object.roleRef.kind)) {
    causes.unsupported("roleRef.kind", object.roleRef.kind, kinds);
  }
  if (old && !deepEqual(object.roleRef, old.roleRef)) {
    causes.invalid("roleRef", object.roleRef, "cannot change roleRef");
  }
}
