import type { ControlSettings } from "../../control-settings.ts";
import {
  type ClientNetwork,
  type IdentityMatch,
  namespaceIdentities,
  parseIdentity,
  parseNetworks,
  serviceAccountIdentity,
} from "./clients.ts";
import { kindInWords, type ObjectRef, refersTo } from "./names.ts";
import { createParser } from "./parse-spec.ts";

/** Identities that a MeshTLSAuthentication lists, and those that it refers to. */
export interface MeshTlsSpec {
  readonly identities: readonly IdentityMatch[];
  readonly serviceAccounts: readonly { readonly name: string; readonly namespace: string }[];
  readonly namespaces: readonly string[];
}

export const parseMeshTlsAuthentication = createParser<MeshTlsSpec>((spec, report, object) => {
  const identities = (spec.identities ?? []) as readonly string[];
  const refs = (spec.identityRefs ?? []) as readonly ObjectRef[];
  if ((spec.identities === undefined) === (spec.identityRefs === undefined)) {
    report("identities", "give exactly one of identities and identityRefs");
  } else if (identities.length === 0 && refs.length === 0) {
    report(spec.identities ? "identities" : "identityRefs", "the list is empty: name a client");
  }
  const serviceAccounts: { name: string; namespace: string }[] = [];
  const namespaces: string[] = [];
  const ownNamespace = object.metadata.namespace ?? "";
  for (const [index, ref] of refs.entries()) {
    const at = `identityRefs[${index}]`;
    if (refersTo(ref, "", "ServiceAccount")) {
      serviceAccounts.push({ name: ref.name, namespace: ref.namespace || ownNamespace });
    } else if (refersTo(ref, "", "Namespace")) {
      if (ref.namespace !== undefined) {
        report(`${at}.namespace`, "a Namespace lies in none: remove the field");
      }
      namespaces.push(ref.name);
    } else {
      report(`${at}.kind`, `${kindInWords(ref)} has no identity: refer to a ServiceAccount or a Namespace`);
    }
  }
  return {
    identities: identities.map((text, index) => parseIdentity(text, `identities[${index}]`, report)),
    serviceAccounts,
    namespaces,
  };
});

export function meshTlsIdentities(spec: MeshTlsSpec, settings: ControlSettings): IdentityMatch[] {
  return [
    ...spec.identities,
    ...spec.serviceAccounts.map((account) => ({ exact: serviceAccountIdentity(account, settings) })),
    ...spec.namespaces.map((namespace) => namespaceIdentities(namespace, settings)),
  ];
}

export const parseNetworkAuthentication = createParser<readonly ClientNetwork[]>((spec, report) => {
  const networks: ClientNetwork[] = parseNetworks(spec.networks ?? [], "networks", report);
  if ((spec.networks ?? []).length === 0) report("networks", "the list is empty: name a network");
  return networks;
});
