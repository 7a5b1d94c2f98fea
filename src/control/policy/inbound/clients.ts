import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AuthzSchema } from "../../../api/gen/io/linkerd/proxy/inbound_pb.js";
import { type Network, networkContains, tryParseNetwork } from "../../../base/ip.ts";
import { workloadIdentity } from "../../../base/names.ts";
import type { ControlSettings } from "../../control-settings.ts";
import { POLICY_GROUP } from "../../index/route-refs.ts";
import { encodeNetwork } from "../../serve/encode-values.ts";
import type { Report } from "./parse-spec.ts";

/** Addresses that clients may come from. */
export interface ClientNetwork {
  readonly network: Network;
  readonly except: readonly Network[];
}

/** An identity, or, with `suffix`, every identity that ends with these labels (none: every identity there is). */
export type IdentityMatch = { readonly exact: string } | { readonly suffix: readonly string[] };

/** How clients show who they are. */
export type ClientProof =
  | { readonly kind: "unauthenticated" }
  | { readonly kind: "tls" }
  | { readonly kind: "identities"; readonly identities: readonly IdentityMatch[] };

export type AuthzInit = MessageInitShape<typeof AuthzSchema>;

// DNS labels, of which the first may be a `*`.
const DNS_IDENTITY = /^(\*|[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)*\.?$/i;
const SPIFFE_IDENTITY = /^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)+$/;

/** `*`, `*.suffix`, a DNS-like name, or a SPIFFE id. */
export function parseIdentity(text: string, field: string, report: Report): IdentityMatch {
  if (text === "*") return { suffix: [] };
  if (text.includes("://")) {
    if (!SPIFFE_IDENTITY.test(text))
      report(field, `"${text}" is no SPIFFE id: write spiffe://<trust domain>/<path>`);
    return { exact: text };
  }
  if (!DNS_IDENTITY.test(text)) {
    report(field, `"${text}" is no identity: write a DNS-like name, "*", or "*." before the end of a name`);
  }
  return text.startsWith("*.") ? { suffix: text.slice(2).split(".") } : { exact: text };
}

/** `[{ cidr, except }]`; every exception lies inside its network. */
export function parseNetworks(
  list: readonly { readonly cidr: string; readonly except?: readonly string[] }[],
  field: string,
  report: Report,
): ClientNetwork[] {
  const networks: ClientNetwork[] = [];
  for (const [index, { cidr, except = [] }] of list.entries()) {
    const at = `${field}[${index}]`;
    const network = parseNetwork(cidr, `${at}.cidr`, report);
    const holes: Network[] = [];
    for (const [hole, text] of except.entries()) {
      const parsed = parseNetwork(text, `${at}.except[${hole}]`, report);
      if (!parsed || !network) continue;
      if (!isStrictlyInside(parsed, text, network)) {
        report(
          `${at}.except[${hole}]`,
          `"${text}" is not inside "${cidr}", or all of it: name a smaller network`,
        );
      }
      holes.push(parsed);
    }
    if (network) networks.push({ network, except: holes });
  }
  return networks;
}

export function serviceAccountIdentity(
  { name, namespace }: { readonly name: string; readonly namespace: string },
  settings: ControlSettings,
): string {
  return workloadIdentity(name, namespace, settings.namespace, settings.trustDomain);
}

/** Every ServiceAccount of a namespace. */
export function namespaceIdentities(namespace: string, settings: ControlSettings): IdentityMatch {
  return {
    suffix: [namespace, "serviceaccount", "identity", settings.namespace, ...settings.trustDomain.split(".")],
  };
}

/** The authorization that an object of our group gives. */
export function encodeAuthorization(
  source: { readonly kind: string; readonly namespace: string; readonly name: string },
  networks: readonly ClientNetwork[],
  proof: ClientProof,
): AuthzInit {
  const { kind, namespace, name } = source;
  return {
    networks: networks.map(({ network, except }) => ({
      net: encodeNetwork(network),
      except: except.map(encodeNetwork),
    })),
    authentication: { permit: encodeProof(proof) },
    labels: { group: POLICY_GROUP, kind, name },
    metadata: { kind: { case: "resource", value: { group: POLICY_GROUP, kind, namespace, name } } },
  };
}

function encodeProof(proof: ClientProof): NonNullable<NonNullable<AuthzInit["authentication"]>["permit"]> {
  switch (proof.kind) {
    case "unauthenticated":
      return { case: "unauthenticated", value: {} };
    case "tls":
      return { case: "meshTLS", value: { clients: { case: "unauthenticated", value: {} } } };
    case "identities": {
      const names = proof.identities.flatMap((match) => ("exact" in match ? [{ name: match.exact }] : []));
      const suffixes = proof.identities.flatMap((match) =>
        "suffix" in match ? [{ parts: [...match.suffix] }] : [],
      );
      return {
        case: "meshTLS",
        value: { clients: { case: "identities", value: { identities: names, suffixes } } },
      };
    }
  }
}

function parseNetwork(text: string, field: string, report: Report): Network | undefined {
  const network = tryParseNetwork(text);
  if (!network) report(field, `"${text}" is no network: write an address, or one like 10.0.0.0/8`);
  return network;
}

function isStrictlyInside(inner: Network, text: string, outer: Network): boolean {
  return inner.prefix > outer.prefix && networkContains(outer, text.split("/")[0]!.trim());
}
