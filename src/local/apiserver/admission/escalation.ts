import { type PolicyRule, type Rbac, ruleAllows } from "../auth/rbac.ts";
import { deepEqual } from "../deep-equal.ts";
import { forbidden } from "../status.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./chain.ts";

const GROUP = "rbac.authorization.k8s.io";

/**
 * Nobody grants what they do not have: a role's rules, and those of the role that a binding refers to, must be covered by the writer's own,
 * unless RBAC gives the verb `escalate` (roles) or `bind` (bindings).
 */
export function createEscalationCheck(rbac: Rbac): AdmissionPlugin {
  return {
    validate(request) {
      const { resource, operation, object, old, context } = request;
      if (resource.group !== GROUP || operation === "DELETE") return;
      const isBinding = resource.plural.endsWith("bindings");
      const unchanged = isBinding
        ? deepEqual([object.roleRef, object.subjects], [old?.roleRef, old?.subjects])
        : deepEqual(object.rules, old?.rules);
      if (old && unchanged) return;
      const namespace = object.metadata.namespace ?? "";
      const granted: readonly PolicyRule[] = isBinding
        ? rbac.rulesOfRole(object.roleRef, namespace)
        : ((object.rules ?? []) as PolicyRule[]);
      const held = rbac.rulesFor(context.user, namespace);
      const missing = granted.filter((rule) => !covers(held, rule));
      if (missing.length === 0 || hasVerb(rbac, request, isBinding)) return;
      const list = missing.map((rule) => JSON.stringify(rule)).join("\n");
      throw forbidden(
        resource,
        object.metadata.name ?? "",
        `user "${context.user.name}" is attempting to grant RBAC permissions not currently held:\n${list}`,
      );
    },
  };
}

function hasVerb(rbac: Rbac, { resource, object, context }: AdmissionRequest, isBinding: boolean): boolean {
  const ofCluster = isBinding ? object.roleRef?.kind === "ClusterRole" : resource.plural === "clusterroles";
  return rbac.isAllowed(context.user, {
    verb: isBinding ? "bind" : "escalate",
    group: GROUP,
    resource: ofCluster ? "clusterroles" : "roles",
    subresource: "",
    namespace: object.metadata.namespace ?? "",
    name: (isBinding ? object.roleRef?.name : object.metadata.name) ?? "",
  });
}

/** Whether every single permission of a rule is in the rules held. A `*` is covered by `*` only. */
function covers(held: readonly PolicyRule[], rule: PolicyRule): boolean {
  const names = (rule.resourceNames ?? []).length > 0 ? rule.resourceNames! : [""];
  for (const verb of rule.verbs) {
    for (const path of rule.nonResourceURLs ?? []) {
      if (!held.some((each) => ruleAllows(each, { verb, path }))) return false;
    }
    for (const group of rule.apiGroups ?? []) {
      for (const full of rule.resources ?? []) {
        const [resource = "", subresource = ""] = full.split("/");
        for (const name of names) {
          const attributes = { verb, group, resource, subresource, namespace: "", name };
          if (!held.some((each) => ruleAllows(each, attributes))) return false;
        }
      }
    }
  }
  return true;
}
