import type { KubeObject } from "../../../base/kube-object.ts";
import { ALL_NETWORKS } from "../../../policy/default-policy.ts";
import { CUSTOM_KINDS } from "../../index/custom-kinds.ts";
import { GATEWAY_GROUP, POLICY_GROUP } from "../../index/route-refs.ts";
import type { Target } from "../../index/target-index.ts";
import {
  meshTlsIdentities,
  parseMeshTlsAuthentication,
  parseNetworkAuthentication,
} from "./authentications.ts";
import {
  type AuthzInit,
  type ClientNetwork,
  encodeAuthorization,
  serviceAccountIdentity,
} from "./clients.ts";
import { kindInWords, type ObjectRef, refersTo } from "./names.ts";
import type { Note } from "./notes.ts";
import { createParser } from "./parse-spec.ts";
import type { PolicyReader } from "./policy-reader.ts";

interface QualifiedName {
  readonly namespace: string;
  readonly name: string;
}

/** What a policy protects, of its own namespace. */
export type PolicyTarget =
  | { readonly kind: "Server"; readonly name: string }
  | { readonly kind: "Namespace" }
  | { readonly kind: "HTTPRoute" | "GRPCRoute"; readonly group: string; readonly name: string };

interface AuthorizationPolicySpec {
  readonly target: PolicyTarget;
  readonly clients:
    | ({ readonly kind: "MeshTLSAuthentication" } & QualifiedName)
    | ({ readonly kind: "ServiceAccount" } & QualifiedName)
    | undefined;
  readonly networks: QualifiedName | undefined;
}

export const parseAuthorizationPolicy = createParser<AuthorizationPolicySpec>((spec, report, object) => {
  const ownNamespace = object.metadata.namespace ?? "";
  const target = readTarget(spec.targetRef, ownNamespace);
  if (!target) {
    const { kind, name } = spec.targetRef as ObjectRef;
    if (refersTo(spec.targetRef, "", "Namespace")) {
      report(
        "targetRef.name",
        `Namespace ${name} is not this policy's own: write "${ownNamespace}", or move the policy there`,
      );
    } else {
      report(
        "targetRef",
        `${kindInWords(spec.targetRef)} cannot be protected: refer to a Server or HTTPRoute of group ${POLICY_GROUP}, an HTTPRoute or GRPCRoute of ${GATEWAY_GROUP}, or a Namespace (group "")${
          ["Server", "HTTPRoute", "GRPCRoute"].includes(kind) ? "; is the group right?" : ""
        }`,
      );
    }
  }
  let clients: AuthorizationPolicySpec["clients"];
  let networks: AuthorizationPolicySpec["networks"];
  const refs = (spec.requiredAuthenticationRefs ?? []) as readonly ObjectRef[];
  for (const [index, ref] of refs.entries()) {
    const at = `requiredAuthenticationRefs[${index}]`;
    const named = { namespace: ref.namespace || ownNamespace, name: ref.name };
    if (refersTo(ref, POLICY_GROUP, "NetworkAuthentication")) {
      if (networks)
        report(
          at,
          "it is the second NetworkAuthentication: a client must satisfy all; list its networks in one",
        );
      networks = named;
      continue;
    }
    const kind = clientKind(ref);
    if (!kind) {
      report(
        at,
        `${kindInWords(ref)} authenticates nobody: refer to a MeshTLSAuthentication or NetworkAuthentication (group ${POLICY_GROUP}), or a ServiceAccount (group "")`,
      );
      continue;
    }
    if (clients) {
      report(
        at,
        `${kind} ${ref.name} is the second source of identities: a client has one; list them in one MeshTLSAuthentication`,
      );
    }
    clients = { kind, ...named };
  }
  return { target: target!, clients, networks };
});

/**
 * What an AuthorizationPolicy gives to its target: clients that come from the networks AND have an identity that it asks for. Asking
 * for nothing lets everybody in. A reference to nothing (or to something broken) drops the policy: nobody is let in by a mistake.
 */
function policyAuthorization(
  object: KubeObject,
  { index, settings, track, note }: PolicyReader,
): AuthzInit | undefined {
  const spec = parseAuthorizationPolicy(object).value;
  if (!spec) return undefined;
  let networks: readonly ClientNetwork[] = ALL_NETWORKS.map((network) => ({ network, except: [] }));
  if (spec.networks) {
    const { namespace, name } = spec.networks;
    const found = index.custom.get(CUSTOM_KINDS.networkAuthentication, namespace, name, track);
    const parsed = found && parseNetworkAuthentication(found).value;
    if (!parsed) return dropped(object, `NetworkAuthentication ${namespace}/${name}`, found, note);
    networks = parsed;
  }
  const { namespace = "", name = "" } = object.metadata;
  const source = { kind: "authorizationpolicy", namespace, name };
  if (!spec.clients) return encodeAuthorization(source, networks, { kind: "unauthenticated" });
  const proof = { kind: "identities" as const };
  const { clients } = spec;
  if (clients.kind === "ServiceAccount") {
    return encodeAuthorization(source, networks, {
      ...proof,
      identities: [{ exact: serviceAccountIdentity(clients, settings) }],
    });
  }
  const found = index.custom.get(CUSTOM_KINDS.meshTlsAuthentication, clients.namespace, clients.name, track);
  const parsed = found && parseMeshTlsAuthentication(found).value;
  if (!parsed) {
    return dropped(object, `MeshTLSAuthentication ${clients.namespace}/${clients.name}`, found, note);
  }
  return encodeAuthorization(source, networks, { ...proof, identities: meshTlsIdentities(parsed, settings) });
}

function dropped(
  { metadata }: KubeObject,
  reference: string,
  found: KubeObject | undefined,
  note: Note | undefined,
): undefined {
  note?.(
    `AuthorizationPolicy lets nobody in: what it refers to ${found ? "has mistakes" : "does not exist"}`,
    {
      policy: `${metadata.namespace}/${metadata.name}`,
      reference,
    },
  );
  return undefined;
}

/** What the AuthorizationPolicies of a namespace give to a target. */
export function policyAuthorizations(reader: PolicyReader, namespace: string, target: Target): AuthzInit[] {
  const policies = reader.index.targets.of("AuthorizationPolicy", namespace, target, reader.track);
  return policies.flatMap((object) => policyAuthorization(object, reader) ?? []);
}

function readTarget(ref: ObjectRef, ownNamespace: string): PolicyTarget | undefined {
  if (refersTo(ref, POLICY_GROUP, "Server")) return { kind: "Server", name: ref.name };
  if (refersTo(ref, "", "Namespace")) return ref.name === ownNamespace ? { kind: "Namespace" } : undefined;
  for (const group of [POLICY_GROUP, GATEWAY_GROUP]) {
    if (refersTo(ref, group, "HTTPRoute")) return { kind: "HTTPRoute", group, name: ref.name };
  }
  if (refersTo(ref, GATEWAY_GROUP, "GRPCRoute")) {
    return { kind: "GRPCRoute", group: GATEWAY_GROUP, name: ref.name };
  }
  return undefined;
}

function clientKind(ref: ObjectRef): "MeshTLSAuthentication" | "ServiceAccount" | undefined {
  if (refersTo(ref, POLICY_GROUP, "MeshTLSAuthentication")) return "MeshTLSAuthentication";
  return refersTo(ref, "", "ServiceAccount") ? "ServiceAccount" : undefined;
}
