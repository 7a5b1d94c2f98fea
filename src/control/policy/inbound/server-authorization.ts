import { type KubeObject, type LabelSelector, matchesSelector } from "../../../base/kube-object.ts";
import type { ControlSettings } from "../../control-settings.ts";
import {
  type AuthzInit,
  type ClientNetwork,
  encodeAuthorization,
  type IdentityMatch,
  parseIdentity,
  parseNetworks,
  serviceAccountIdentity,
} from "./clients.ts";
import { createParser, type Report } from "./parse-spec.ts";

interface ServerAuthorizationSpec {
  readonly server: { readonly name: string } | { readonly selector: LabelSelector };
  /** Undefined: those of the cluster. */
  readonly networks: readonly ClientNetwork[] | undefined;
  readonly proof:
    | { readonly kind: "unauthenticated" }
    | { readonly kind: "tls" }
    | {
        readonly kind: "identities";
        readonly identities: readonly IdentityMatch[];
        readonly serviceAccounts: readonly { readonly name: string; readonly namespace: string }[];
      };
}

export const parseServerAuthorization = createParser<ServerAuthorizationSpec>((spec, report, object) => {
  const { server, client } = spec;
  if ((server?.name === undefined) === (server?.selector === undefined)) {
    report("server", "give exactly one of name and selector");
  }
  const networks: ClientNetwork[] = parseNetworks(client.networks ?? [], "client.networks", report);
  return {
    server,
    networks: networks.length > 0 ? networks : undefined,
    proof: readProof(client, object.metadata.namespace ?? "", report),
  };
});

/** What a ServerAuthorization gives to a Server of its namespace; undefined when it is not about it, or broken. */
export function serverAuthorization(
  object: KubeObject,
  server: KubeObject,
  settings: ControlSettings,
): AuthzInit | undefined {
  const spec = parseServerAuthorization(object).value;
  if (!spec) return undefined;
  const isAbout =
    "selector" in spec.server
      ? matchesSelector(spec.server.selector, server.metadata.labels)
      : spec.server.name === server.metadata.name;
  if (!isAbout) return undefined;
  const networks =
    spec.networks ?? settings.clusterNetworks.map((network): ClientNetwork => ({ network, except: [] }));
  const { namespace = "", name = "" } = object.metadata;
  const { proof } = spec;
  return encodeAuthorization(
    { kind: "serverauthorization", namespace, name },
    networks,
    proof.kind !== "identities"
      ? proof
      : {
          kind: "identities",
          identities: [
            ...proof.identities,
            ...proof.serviceAccounts.map((account) => ({ exact: serviceAccountIdentity(account, settings) })),
          ],
        },
  );
}

function readProof(
  client: {
    readonly unauthenticated?: boolean;
    readonly meshTLS?: {
      readonly unauthenticatedTLS?: boolean;
      readonly identities?: readonly string[];
      readonly serviceAccounts?: readonly { readonly name: string; readonly namespace?: string }[];
    };
  },
  ownNamespace: string,
  report: Report,
): ServerAuthorizationSpec["proof"] {
  const { unauthenticated = false, meshTLS } = client;
  if (unauthenticated) {
    if (meshTLS) report("client.meshTLS", "unauthenticated clients need no meshTLS: remove one of the two");
    return { kind: "unauthenticated" };
  }
  const { unauthenticatedTLS = false, identities = [], serviceAccounts = [] } = meshTLS ?? {};
  const namesClients = identities.length > 0 || serviceAccounts.length > 0;
  if (unauthenticatedTLS) {
    if (namesClients) {
      report(
        "client.meshTLS",
        "unauthenticatedTLS lets in clients of any name: remove it, or identities and serviceAccounts",
      );
    }
    return { kind: "tls" };
  }
  if (!namesClients) {
    report(
      "client",
      "no client is named: give unauthenticated, meshTLS.identities or meshTLS.serviceAccounts",
    );
  }
  return {
    kind: "identities",
    identities: identities.map((text, index) =>
      parseIdentity(text, `client.meshTLS.identities[${index}]`, report),
    ),
    serviceAccounts: serviceAccounts.map(({ name, namespace }) => ({
      name,
      namespace: namespace || ownNamespace,
    })),
  };
}
