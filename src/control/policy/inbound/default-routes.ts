import type { MessageInitShape } from "@bufbuild/protobuf";
import { HttpMethod_Registered } from "../../../api/gen/io/linkerd/proxy/http_types_pb.js";
import type { HttpRouteSchema } from "../../../api/gen/io/linkerd/proxy/inbound_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import { ALL_NETWORKS } from "../../../policy/default-policy.ts";
import { containerPorts } from "../../index/pod-facts.ts";
import { defaultMetadata, encodeNetwork } from "../../serve/encode-values.ts";

export type HttpRouteInit = MessageInitShape<typeof HttpRouteSchema>;

/** Where no route object is: everything, with the Server's authorizations. */
export function everythingRoute(): HttpRouteInit {
  return {
    metadata: defaultMetadata("default"),
    rules: [{ matches: [{ path: { kind: { case: "prefix", value: "/" } } }] }],
  };
}

/**
 * The paths of a pod's HTTP probes on a port, for everybody, so that the kubelet (which has no identity) reaches the pod whatever its
 * policy. Undefined without such probes.
 */
export function probeRoute(pod: KubeObject, port: number): HttpRouteInit | undefined {
  const paths = probePaths(pod, port);
  if (paths.length === 0) return undefined;
  return {
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
}

function probePaths(pod: KubeObject, port: number): string[] {
  const paths = new Set<string>();
  const named = containerPorts(pod);
  for (const container of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
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
