import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { Destination, DestinationProfileSchema } from "../api/gen/io/linkerd/proxy/destination_pb.js";
import { InboundServerPolicies, ServerSchema } from "../api/gen/io/linkerd/proxy/inbound_pb.js";
import { OutboundPolicies, OutboundPolicySchema } from "../api/gen/io/linkerd/proxy/outbound_pb.js";
import { MeshError } from "../base/error.ts";
import { DESTINATION_PORT, POLICY_PORT } from "../base/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { askController, readClusterDomain } from "./controller.ts";
import { withReadableAddresses } from "./format-address.ts";
import { formatSelection, parseOneSelection } from "./selector.ts";

export interface ToldQuery {
  /** Control-plane namespace. */
  readonly controlPlane: string;
  readonly pod: string | undefined;
  /** As ControllerQuestion.address. */
  readonly address?: string | undefined;
  /** In whose name to ask. */
  readonly token: string;
}

export interface PolicyQuery extends ToldQuery {
  /** `po/web-1` or `svc/web`. */
  readonly resource: string;
  readonly port: number;
  readonly namespace: string;
}

/**
 * The policy of a pod's port (what its own proxy is told) or of a Service (what clients' proxies are told), as JSON.
 *
 * @throws MeshError `DIAGNOSTICS_RESOURCE`, and as `askController`
 */
export async function collectToldPolicy(
  kube: KubeClient,
  query: PolicyQuery,
  signal: AbortSignal,
): Promise<unknown> {
  const { resource, namespace, port, token } = query;
  const { kind, name } = parsePolicyResource(resource);
  const { controlPlane, pod, address } = query;
  const base = { namespace: controlPlane, pod, address, port: POLICY_PORT };
  if (kind === "pod") {
    const method = InboundServerPolicies.method.getPort;
    const request = { workload: `${namespace}:${name}`, port };
    return readable(ServerSchema, await askController(kube, { ...base, method, request }, signal));
  }
  const method = OutboundPolicies.method.get;
  const domain = await readClusterDomain(kube, controlPlane);
  const target = { case: "authority", value: `${name}.${namespace}.svc.${domain}:${port}` } as const;
  const request = { sourceWorkload: token, target };
  return readable(OutboundPolicySchema, await askController(kube, { ...base, method, request }, signal));
}

/** @throws MeshError `DIAGNOSTICS_RESOURCE` */
export function parsePolicyResource(text: string): {
  readonly kind: "pod" | "service";
  readonly name: string;
} {
  const selection = parseOneSelection([text]);
  const { role } = selection.kind;
  if ((role === "pod" || role === "service") && selection.name !== undefined) {
    return { kind: role, name: selection.name };
  }
  throw new MeshError({
    kind: "usage",
    code: "DIAGNOSTICS_RESOURCE",
    message: `${formatSelection(selection)} has no policy of its own`,
    hint: "name a pod (po/NAME) for what its proxy enforces, or a Service (svc/NAME) for how clients reach it",
  });
}

/** What clients' proxies are told of an address (`ip:port`) or name, as JSON. @throws MeshError as `askController` */
export async function collectToldProfile(
  kube: KubeClient,
  query: ToldQuery & { readonly target: string },
  signal: AbortSignal,
): Promise<unknown> {
  const profile = await askController(
    kube,
    {
      namespace: query.controlPlane,
      pod: query.pod,
      address: query.address,
      port: DESTINATION_PORT,
      method: Destination.method.getProfile,
      request: { scheme: "k8s", path: query.target, contextToken: query.token },
    },
    signal,
  );
  return readable(DestinationProfileSchema, profile);
}

function readable<D extends DescMessage>(schema: D, message: MessageShape<D>): unknown {
  return withReadableAddresses(toJson(schema, message));
}
