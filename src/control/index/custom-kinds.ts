import type { OptionalKind } from "./optional-kinds.ts";

const POLICY_GROUP = "policy.meshctl.io";
const GATEWAY_GROUP = "gateway.networking.k8s.io";

/** Kinds that come with a CustomResourceDefinition, ours and the Gateway API's. The stored version is read where there is a choice. */
export const CUSTOM_KINDS = {
  server: policy("servers", "Server", ["v1beta3", "v1beta2", "v1beta1", "v1alpha1"]),
  serverAuthorization: policy("serverauthorizations", "ServerAuthorization", ["v1beta1", "v1alpha1"]),
  authorizationPolicy: policy("authorizationpolicies", "AuthorizationPolicy", ["v1alpha1"]),
  meshTlsAuthentication: policy("meshtlsauthentications", "MeshTLSAuthentication", ["v1alpha1"]),
  networkAuthentication: policy("networkauthentications", "NetworkAuthentication", ["v1alpha1"]),
  rateLimit: policy("httplocalratelimitpolicies", "HTTPLocalRateLimitPolicy", ["v1alpha1"]),
  egressNetwork: policy("egressnetworks", "EgressNetwork", ["v1alpha1"]),
  policyHttpRoute: policy("httproutes", "HTTPRoute", ["v1beta3", "v1beta2", "v1beta1", "v1alpha1"]),
  httpRoute: gateway("httproutes", "HTTPRoute", ["v1", "v1beta1"]),
  grpcRoute: gateway("grpcroutes", "GRPCRoute", ["v1", "v1alpha2"]),
  tlsRoute: gateway("tlsroutes", "TLSRoute", ["v1", "v1alpha3", "v1alpha2"]),
  tcpRoute: gateway("tcproutes", "TCPRoute", ["v1", "v1alpha2"]),
  serviceProfile: {
    group: "meshctl.io",
    plural: "serviceprofiles",
    kind: "ServiceProfile",
    versions: ["v1alpha2", "v1alpha1"],
  },
  externalWorkload: {
    group: "workload.meshctl.io",
    plural: "externalworkloads",
    kind: "ExternalWorkload",
    versions: ["v1beta1", "v1alpha1"],
  },
} as const satisfies Readonly<Record<string, OptionalKind>>;

export type CustomKind = (typeof CUSTOM_KINDS)[keyof typeof CUSTOM_KINDS];

function policy<const P extends string, const K extends string>(
  plural: P,
  kind: K,
  versions: readonly string[],
) {
  return { group: POLICY_GROUP, plural, kind, versions } as const;
}

function gateway<const P extends string, const K extends string>(
  plural: P,
  kind: K,
  versions: readonly string[],
) {
  return { group: GATEWAY_GROUP, plural, kind, versions } as const;
}
