import type { KubeObject } from "../../base/kube-object.ts";
import { parseServiceProfile } from "../destination/service-profile.ts";
import { CUSTOM_KINDS } from "../index/custom-kinds.ts";
import { groupOf } from "../index/custom-objects.ts";
import { isRoute, POLICY_GROUP } from "../index/route-refs.ts";
import { parseMeshTlsAuthentication, parseNetworkAuthentication } from "../policy/inbound/authentications.ts";
import { parseAuthorizationPolicy } from "../policy/inbound/authorization-policy.ts";
import type { Parsed, Problem } from "../policy/inbound/parse-spec.ts";
import { parseRateLimit } from "../policy/inbound/rate-limit.ts";
import { parseServerAuthorization } from "../policy/inbound/server-authorization.ts";
import { parseServer } from "../policy/inbound/server-spec.ts";
import { parseEgressNetwork } from "../policy/outbound/egress-network.ts";
import { externalWorkloadProblems } from "./external-workload-problems.ts";
import { routeProblems } from "./route-problems.ts";

/** Kinds of our group, with the parser that discovery reads them with: what the webhook admits, discovery understands. */
const PARSERS: Readonly<Record<string, (object: KubeObject) => Parsed<unknown>>> = {
  Server: parseServer,
  ServerAuthorization: parseServerAuthorization,
  AuthorizationPolicy: parseAuthorizationPolicy,
  MeshTLSAuthentication: parseMeshTlsAuthentication,
  NetworkAuthentication: parseNetworkAuthentication,
  HTTPLocalRateLimitPolicy: parseRateLimit,
  EgressNetwork: parseEgressNetwork,
};

/** What is wrong with an object by itself; whether what it refers to exists is not asked. Other kinds have no problems. */
export function validateObject(object: KubeObject): readonly Problem[] {
  const group = groupOf(object.apiVersion);
  if (isRoute(object)) return routeProblems(object);
  if (group === POLICY_GROUP) return PARSERS[object.kind]?.(object).problems ?? [];
  if (group === "meshctl.io" && object.kind === "ServiceProfile") return parseServiceProfile(object).problems;
  if (group === CUSTOM_KINDS.externalWorkload.group && object.kind === CUSTOM_KINDS.externalWorkload.kind) {
    return externalWorkloadProblems(object);
  }
  return [];
}

export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ field, message }) => `${field}: ${message}`).join("; ");
}
