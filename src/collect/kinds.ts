import { MeshError } from "../base/error.ts";
import { suggest } from "../base/suggest.ts";

/** A kind of resource that selectors may name. */
export interface ResourceKind {
  /** Canonical, singular, lower case. */
  readonly name: string;
  /** As tables prefix names with it: `deploy/web`. */
  readonly short: string;
  readonly plural: string;
  readonly aliases: readonly string[];
  /** Path of its API group and version. */
  readonly api: string;
  /** `workload`: owns pods. `policy`: selects traffic. */
  readonly role: "workload" | "pod" | "namespace" | "service" | "policy" | "other";
}

const POLICY = "/apis/policy.meshctl.io/v1beta3";

/** In alphabetical order of the canonical name: tables appear so. */
export const KINDS: readonly ResourceKind[] = [
  kind(
    "authorizationpolicy",
    "authorizationpolicies",
    ["ap", "authzpolicy"],
    "/apis/policy.meshctl.io/v1alpha1",
    "policy",
  ),
  kind("cronjob", "cronjobs", ["cj"], "/apis/batch/v1", "workload"),
  kind("daemonset", "daemonsets", ["ds"], "/apis/apps/v1", "workload"),
  kind("deployment", "deployments", ["deploy"], "/apis/apps/v1", "workload"),
  kind("httproute", "httproutes", [], POLICY, "policy"),
  kind("job", "jobs", [], "/apis/batch/v1", "workload"),
  kind("link", "links", ["ln"], "/apis/multicluster.meshctl.io/v1alpha3", "other"),
  kind(
    "meshtlsauthentication",
    "meshtlsauthentications",
    ["meshtlsauthn"],
    "/apis/policy.meshctl.io/v1alpha1",
    "policy",
  ),
  kind("namespace", "namespaces", ["ns"], "/api/v1", "namespace"),
  kind(
    "networkauthentication",
    "networkauthentications",
    ["netauthn", "networkauthn"],
    "/apis/policy.meshctl.io/v1alpha1",
    "policy",
  ),
  kind("pod", "pods", ["po"], "/api/v1", "pod"),
  kind("replicaset", "replicasets", ["rs"], "/apis/apps/v1", "workload"),
  kind("replicationcontroller", "replicationcontrollers", ["rc"], "/api/v1", "workload"),
  kind("server", "servers", ["srv"], POLICY, "policy"),
  kind(
    "serverauthorization",
    "serverauthorizations",
    ["saz", "serverauthz", "srvauthz"],
    "/apis/policy.meshctl.io/v1beta1",
    "policy",
  ),
  kind("service", "services", ["svc"], "/api/v1", "service"),
  kind("serviceprofile", "serviceprofiles", ["sp"], "/apis/meshctl.io/v1alpha2", "other"),
  kind("statefulset", "statefulsets", ["sts"], "/apis/apps/v1", "workload"),
];

/** What `all` stands for. */
export const ALL_KINDS: readonly string[] = [
  "cronjob",
  "daemonset",
  "deployment",
  "job",
  "pod",
  "replicaset",
  "replicationcontroller",
  "service",
  "statefulset",
];

const BY_WORD = new Map<string, ResourceKind>(
  KINDS.flatMap((one) => [one.name, one.plural, ...one.aliases].map((word) => [word, one] as const)),
);

export function isKindWord(word: string): boolean {
  return BY_WORD.has(word.toLowerCase());
}

/**
 * The kind that a word names: short, singular or plural.
 *
 * @throws MeshError `SELECTOR_UNKNOWN_TYPE`
 */
export function resolveKind(word: string): ResourceKind {
  const known = BY_WORD.get(word.toLowerCase());
  if (known) return known;
  const meant = suggest(word.toLowerCase(), [...BY_WORD.keys()]);
  throw new MeshError({
    kind: "usage",
    code: "SELECTOR_UNKNOWN_TYPE",
    message: `cannot find Kubernetes canonical name from friendly name [${word}]`,
    hint: `${meant === undefined ? "" : `did you mean ${meant}? `}use one of deploy, ds, sts, rs, rc, job, cj, po, svc, ns`,
  });
}

function kind(
  name: string,
  plural: string,
  aliases: readonly string[],
  api: string,
  role: ResourceKind["role"],
): ResourceKind {
  return { name, short: aliases[0] ?? name, plural, aliases, api, role };
}
