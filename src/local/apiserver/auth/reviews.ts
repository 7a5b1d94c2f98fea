import type { KubeObject } from "../../../base/kube-object.ts";
import type { UserInfo } from "../context.ts";
import { timestamp } from "../prepare.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { badRequest } from "../status.ts";
import type { Attributes, Rbac } from "./rbac.ts";
import type { Tokens } from "./tokens.ts";

export interface ReviewDeps {
  readonly rbac: Rbac;
  readonly tokens: Tokens;
  now(): number;
}

/** Answers the resources that are questions: nothing of them is stored. */
export function answerReview(
  deps: ReviewDeps,
  resource: ResourceInfo,
  user: UserInfo,
  namespace: string,
  review: KubeObject,
): KubeObject {
  const spec = review.spec ?? {};
  switch (resource.kind) {
    case "TokenReview":
      return { ...review, status: reviewToken(deps.tokens, spec) };
    case "SelfSubjectReview":
      return {
        ...review,
        metadata: { ...review.metadata, creationTimestamp: timestamp(deps.now()) },
        status: { userInfo: userStatus(user) },
      };
    case "SelfSubjectAccessReview":
      return { ...review, status: decide(deps.rbac, user, attributesOf(spec, "")) };
    case "LocalSubjectAccessReview":
      return { ...review, status: decide(deps.rbac, subjectOf(spec), attributesOf(spec, namespace)) };
    case "SubjectAccessReview":
      return { ...review, status: decide(deps.rbac, subjectOf(spec), attributesOf(spec, "")) };
    default:
      // The question itself is not repeated, as in Kubernetes.
      return { ...review, spec: {}, status: rulesStatus(deps.rbac, user, spec.namespace ?? "") };
  }
}

function reviewToken(tokens: Tokens, spec: { token?: string; audiences?: readonly string[] }): unknown {
  if (!spec.token) throw badRequest("token is required for TokenReview in authentication");
  const verdict = tokens.verify(spec.token, spec.audiences ?? []);
  if (!verdict.ok) return { authenticated: false, user: {}, error: verdict.error };
  return { authenticated: true, user: userStatus(verdict.user), audiences: verdict.audiences };
}

function userStatus(user: UserInfo): unknown {
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    groups: user.groups,
    ...(user.extra ? { extra: user.extra } : {}),
  };
}

function subjectOf(spec: { user?: string; groups?: readonly string[]; uid?: string }): UserInfo {
  if (!spec.user && (spec.groups ?? []).length === 0) {
    throw badRequest("spec.user: at least one of user or groups must be specified");
  }
  return { name: spec.user ?? "", groups: spec.groups ?? [], ...(spec.uid ? { uid: spec.uid } : {}) };
}

interface AccessSpec {
  readonly resourceAttributes?: {
    readonly namespace?: string;
    readonly verb?: string;
    readonly group?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
}

function attributesOf(spec: AccessSpec, namespace: string): Attributes {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if ((resource === undefined) === (path === undefined)) {
    throw badRequest("exactly one of resourceAttributes and nonResourceAttributes must be specified");
  }
  if (path) return { verb: path.verb ?? "", path: path.path ?? "" };
  return {
    verb: resource!.verb ?? "",
    group: resource!.group ?? "",
    resource: resource!.resource ?? "",
    subresource: resource!.subresource ?? "",
    namespace: namespace || (resource!.namespace ?? ""),
    name: resource!.name ?? "",
  };
}

function decide(rbac: Rbac, user: UserInfo, attributes: Attributes): unknown {
  if (!rbac.isAllowed(user, attributes)) return { allowed: false };
  const reason = rbac.reasonFor(user, attributes);
  return { allowed: true, ...(reason === undefined ? {} : { reason }) };
}

function rulesStatus(rbac: Rbac, user: UserInfo, namespace: string): unknown {
  const rules = rbac.rulesFor(user, namespace);
  return {
    resourceRules: rules
      .filter((rule) => rule.resources !== undefined)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        resourceNames,
      })),
    nonResourceRules: rules
      .filter((rule) => rule.nonResourceURLs !== undefined)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}
