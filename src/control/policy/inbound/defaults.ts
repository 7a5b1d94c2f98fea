import type { Network } from "../../../base/ip.ts";
import type { KubeObject } from "../../../base/kube-object.ts";
import { CONFIG_PREFIX } from "../../../base/names.ts";
import { ALL_NETWORKS, DEFAULT_POLICIES, type DefaultPolicy } from "../../../policy/default-policy.ts";
import type { ControlSettings } from "../../control-settings.ts";
import { containerPorts, listsPort } from "../../index/pod-facts.ts";
import { defaultMetadata, encodeNetwork } from "../../serve/encode-values.ts";
import type { AuthzInit } from "./clients.ts";

const DEFAULT_POLICY_ANNOTATION = `${CONFIG_PREFIX}default-inbound-policy`;
const REQUIRE_IDENTITY_ANNOTATION = `${CONFIG_PREFIX}proxy-require-identity-inbound-ports`;

/** The pod's own default, else the cluster's; a port that requires identity makes it an authenticated one. */
export function defaultPolicyOf(pod: KubeObject, port: number, settings: ControlSettings): DefaultPolicy {
  const annotations = pod.metadata.annotations ?? {};
  const named = DEFAULT_POLICIES.find((name) => name === annotations[DEFAULT_POLICY_ANNOTATION]);
  const policy = named ?? settings.defaultInboundPolicy;
  const required = annotations[REQUIRE_IDENTITY_ANNOTATION];
  if (required === undefined || !listsPort(required, port, containerPorts(pod))) return policy;
  if (policy === "deny" || policy.endsWith("-authenticated")) return policy;
  return policy.startsWith("cluster-") ? "cluster-authenticated" : "all-authenticated";
}

/** What a default policy, of a pod or of a Server, lets in. */
export function defaultAuthorizations(
  policy: DefaultPolicy,
  clusterNetworks: readonly Network[],
): AuthzInit[] {
  if (policy === "deny") return [];
  const networks = policy.startsWith("cluster-") ? clusterNetworks : ALL_NETWORKS;
  const isOpen = policy === "audit" || policy.endsWith("-unauthenticated");
  return [
    {
      networks: networks.map((network) => ({ net: encodeNetwork(network) })),
      authentication: {
        permit: isOpen
          ? { case: "unauthenticated", value: {} }
          : // One empty suffix ends every identity.
            {
              case: "meshTLS",
              value: { clients: { case: "identities", value: { suffixes: [{ parts: [] }] } } },
            },
      },
      labels: { group: "", kind: "default", name: policy },
      metadata: defaultMetadata(policy),
    },
  ];
}
