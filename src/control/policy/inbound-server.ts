import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { HttpMethod_Registered } from "../../api/gen/io/linkerd/proxy/http_types_pb.js";
import {
  type AuthzSchema,
  type HttpRouteSchema,
  type Server,
  ServerSchema,
} from "../../api/gen/io/linkerd/proxy/inbound_pb.js";
import type { Network } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { CONFIG_PREFIX } from "../../base/names.ts";
import { ALL_NETWORKS, DEFAULT_POLICIES, type DefaultPolicy } from "../../policy/default-policy.ts";
import type { ControlSettings } from "../control-settings.ts";
import { containerPorts, isOpaquePort, listsPort } from "../index/pod-facts.ts";
import { defaultMetadata, encodeDuration, encodeNetwork } from "../serve/encode-values.ts";

const DETECT_TIMEOUT_MS = 10_000;
const DEFAULT_POLICY_ANNOTATION = `${CONFIG_PREFIX}default-inbound-policy`;
const REQUIRE_IDENTITY_ANNOTATION = `${CONFIG_PREFIX}proxy-require-identity-inbound-ports`;

type AuthzInit = MessageInitShape<typeof AuthzSchema>;
type RouteInit = MessageInitShape<typeof HttpRouteSchema>;

/**
 * The Server of a pod's port that no Server object selects (reference control-plane 6.1, "Default server").
 *
 * Nothing is said about loopback: each proxy adds an authorization for its own host, which it knows better than we do.
 */
export function defaultServer(pod: KubeObject, port: number, settings: ControlSettings): Server {
  const policy = policyOf(pod, port, settings);
  const authorizations = authorizationsOf(policy, settings.clusterNetworks);
  const isOpaque = isOpaquePort(pod, port, settings);
  return create(ServerSchema, {
    protocol: isOpaque
      ? { kind: { case: "opaque", value: {} } }
      : {
          kind: {
            case: "detect",
            value: {
              timeout: encodeDuration(DETECT_TIMEOUT_MS),
              httpRoutes: routesOf(pod, port, authorizations),
            },
          },
        },
    authorizations,
    labels: { group: "", kind: "default", name: policy },
  });
}

/** The pod's own default, else the cluster's; a port that requires identity makes it an authenticated one. */
function policyOf(pod: KubeObject, port: number, settings: ControlSettings): DefaultPolicy {
  const annotations = pod.metadata.annotations ?? {};
  const named = DEFAULT_POLICIES.find((name) => name === annotations[DEFAULT_POLICY_ANNOTATION]);
  const policy = named ?? settings.defaultInboundPolicy;
  const required = annotations[REQUIRE_IDENTITY_ANNOTATION];
  if (required === undefined || !listsPort(required, port, containerPorts(pod))) return policy;
  if (policy === "deny" || policy.endsWith("-authenticated")) return policy;
  return policy.startsWith("cluster-") ? "cluster-authenticated" : "all-authenticated";
}

function authorizationsOf(policy: DefaultPolicy, clusterNetworks: readonly Network[]): AuthzInit[] {
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

/**
 * The route that matches everything and, so that the kubelet reaches a pod whatever its policy, one for the paths of its HTTP
 * probes on this port.
 */
function routesOf(pod: KubeObject, port: number, authorizations: readonly AuthzInit[]): RouteInit[] {
  const everything: RouteInit = {
    metadata: defaultMetadata("default"),
    authorizations: [...authorizations],
    rules: [{ matches: [{ path: { kind: { case: "prefix", value: "/" } } }] }],
  };
  const paths = probePaths(pod, port);
  if (paths.length === 0) return [everything];
  const probe: RouteInit = {
    metadata: defaultMetadata("probe"),
    authorizations: [
      {
        networks: ALL_NETWORKS.map((network) => ({ net: encodeNetwork(network) })),
        authentication: { permit: { case: "unauthenticated", value: {} } },
        labels: { group: "", kind: "default", name: "probe" },
        metadata: defaultMetadata("probe"),
      },
    ],
    rules: [
      {
        matches: paths.map((path) => ({
          path: { kind: { case: "exact" as const, value: path } },
          method: { type: { case: "registered" as const, value: HttpMethod_Registered.GET } },
        })),
      },
    ],
  };
  return [everything, probe];
}

function probePaths(pod: KubeObject, port: number): string[] {
  const paths = new Set<string>();
  const named = containerPorts(pod);
  for (const container of pod.spec?.containers ?? []) {
    for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
      const get = probe?.httpGet;
      if (!get) continue;
      const number =
        typeof get.port === "number" ? get.port : named.find(({ name }) => name === get.port)?.number;
      if (number !== port) continue;
      const path = String(get.path || "/").split(/[?#]/)[0]!;
      paths.add(path.startsWith("/") ? path : `/${path}`);
    }
  }
  return [...paths].sort();
}
