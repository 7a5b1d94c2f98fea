import type { KubeObject } from "../../../base/kube-object.ts";
import type { UserInfo } from "../context.ts";
import type { Store } from "../store.ts";

/** What is asked: a verb on a resource, or on a path that is none. */
export type Attributes =
  | {
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      /** "" for cluster-scoped resources and requests over all namespaces. */
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly verb: string; readonly path: string };

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** Role-based access control over the roles and bindings in the store, read at each question: there are few. */
export interface Rbac {
  isAllowed(user: UserInfo, attributes: Attributes): boolean;
  /** Which binding allows something, in Kubernetes' words; undefined for those who may do everything. */
  reasonFor(user: UserInfo, attributes: Attributes): string | undefined;
  /** The rules of what a binding refers to; `namespace` is the binding's. */
  rulesOfRole(
    roleRef: { readonly kind: string; readonly name: string },
    namespace: string,
  ): readonly PolicyRule[];
  /** Every rule that applies to the user in a namespace. */
  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[];
}

const GROUP = "rbac.authorization.k8s.io";
const MASTERS = "system:masters";

export function createRbac(store: Store): Rbac {
  const rulesOf = (roleRef: { kind: string; name: string }, namespace: string): readonly PolicyRule[] => {
    const role =
      roleRef.kind === "ClusterRole"
        ? store.get(`${GROUP}/clusterroles`, "", roleRef.name)
        : store.get(`${GROUP}/roles`, namespace, roleRef.name);
    if (!role) return [];
    return [...(role.rules ?? []), ...aggregated(role)];
  };

  const aggregated = (role: KubeObject): PolicyRule[] => {
    const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []) as {
      matchLabels?: Record<string, string>;
    }[];
    if (selectors.length === 0) return [];
    return store
      .list(`${GROUP}/clusterroles`)
      .filter(
        (each) => each !== role && selectors.some((selector) => hasLabels(each, selector.matchLabels ?? {})),
      )
      .flatMap((each) => (each.rules ?? []) as PolicyRule[]);
  };

  const bindings = (namespace: string): readonly KubeObject[] => [
    ...store.list(`${GROUP}/clusterrolebindings`),
    ...(namespace === "" ? [] : store.list(`${GROUP}/rolebindings`, namespace)),
  ];

  const rulesFor = (user: UserInfo, namespace: string): readonly PolicyRule[] => {
    return bindings(namespace)
      .filter((binding) => bindsUser(binding, user))
      .flatMap((binding) => rulesOf(binding.roleRef, binding.metadata.namespace ?? ""));
  };

  return {
    rulesFor,
    rulesOfRole: rulesOf,
    reasonFor(user, attributes) {
      if (user.groups.includes(MASTERS)) return undefined;
      for (const binding of bindings("path" in attributes ? "" : attributes.namespace)) {
        const { namespace = "", name } = binding.metadata;
        const subject = subjectOfUser(binding, user);
        if (!subject) continue;
        if (!rulesOf(binding.roleRef, namespace).some((rule) => ruleAllows(rule, attributes))) continue;
        const where = namespace === "" ? name : `${name}/${namespace}`;
        const account = `${subject.name}/${subject.namespace ?? namespace}`;
        const who = subject.kind === "ServiceAccount" ? account : subject.name;
        const { kind, name: role } = binding.roleRef;
        return `RBAC: allowed by ${binding.kind} "${where}" of ${kind} "${role}" to ${subject.kind} "${who}"`;
      }
      return undefined;
    },
    isAllowed: (user, attributes) => {
      // They may do everything even when their binding is gone.
      if (user.groups.includes(MASTERS)) return true;
      const namespace = "path" in attributes ? "" : attributes.namespace;
      return rulesFor(user, namespace).some((rule) => ruleAllows(rule, attributes));
    },
  };
}

export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!includes(rule.verbs, attributes.verb)) return false;
  if ("path" in attributes) {
    return (rule.nonResourceURLs ?? []).some(
      (url) =>
        url === "*" ||
        url === attributes.path ||
        (url.endsWith("*") && attributes.path.startsWith(url.slice(0, -1))),
    );
  }
  if (!includes(rule.apiGroups, attributes.group)) return false;
  const { resource, subresource } = attributes;
  const full = subresource ? `${resource}/${subresource}` : resource;
  const named = (rule.resources ?? []).some(
    (each) => each === "*" || each === full || (subresource !== "" && each === `*/${subresource}`),
  );
  if (!named) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(attributes.name);
}

function includes(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes("*") || list.includes(value));
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

function bindsUser(binding: KubeObject, user: UserInfo): boolean {
  return subjectOfUser(binding, user) !== undefined;
}

/** The subject of a binding that is the user. */
function subjectOfUser(binding: KubeObject, user: UserInfo): Subject | undefined {
  return ((binding.subjects ?? []) as Subject[]).find((subject) => {
    if (subject.kind === "User") return subject.name === user.name || subject.name === "*";
    if (subject.kind === "Group") return user.groups.includes(subject.name);
    const namespace = subject.namespace ?? binding.metadata.namespace;
    return (
      subject.kind === "ServiceAccount" && user.name === `system:serviceaccount:${namespace}:${subject.name}`
    );
  });
}

function hasLabels(object: KubeObject, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([key, value]) => object.metadata.labels?.[key] === value);
}

/** Kubernetes' sentence for what is refused, without the object at its front. */
export function refusal(user: UserInfo, attributes: Attributes): string {
  if ("path" in attributes) return `User "${user.name}" cannot ${attributes.verb} path "${attributes.path}"`;
  const { verb, group, resource, subresource, namespace } = attributes;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  return `User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`;
}
