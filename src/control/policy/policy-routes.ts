import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  InboundServerPolicies,
  type PortSpec,
  type Server,
  ServerSchema,
} from "../../api/gen/io/linkerd/proxy/inbound_pb.js";
import {
  OutboundPolicies,
  type OutboundPolicy,
  OutboundPolicySchema,
  type TrafficSpec,
} from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import { bitsToIpv6, networkContains } from "../../base/ip.ts";
import type { Logger } from "../../base/log.ts";
import type { ControlSettings } from "../control-settings.ts";
import { type Authority, parseAuthority } from "../destination/authority.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track, View, Views } from "../index/view.ts";
import { decodeIp } from "../serve/encode-values.ts";
import { tryParseWorkloadToken } from "../serve/tokens.ts";
import { UpdateQueue } from "../serve/update-queue.ts";
import { createNotes, type Note } from "./inbound/notes.ts";
import { portPolicy } from "./inbound/port-policy.ts";
import { egressNetworkPolicy, externalPolicy } from "./outbound/egress-policy.ts";
import { findEgressNetwork } from "./outbound/find-egress-network.ts";
import { type ComputedPolicy, servicePolicy } from "./outbound/service-policy.ts";

export interface PolicyOptions {
  readonly index: ClusterIndex;
  readonly views: Views;
  readonly settings: ControlSettings;
  /** Resolves when the index has been filled. */
  readonly ready: Promise<void>;
  readonly log: Logger;
}

/** A full-state message with its bytes, which tell whether it has changed; or why there is none. */
type StateResult<T> =
  | { readonly kind: "state"; readonly message: T; readonly bytes: Uint8Array }
  | { readonly kind: "error"; readonly error: ConnectError };

/** `InboundServerPolicies` and `OutboundPolicies`. Streams carry the whole state each time. */
export function policyRoutes(options: PolicyOptions): (router: ConnectRouter) => void {
  const { ready } = options;
  const note = createNotes(options.log);
  return (router) => {
    router.service(InboundServerPolicies, {
      getPort: async (request) => {
        await ready;
        return once(inboundView(options, note, request));
      },
      watchPort: (request, context) =>
        watch(
          ready,
          () => inboundView(options, note, request),
          `port ${request.port} of ${request.workload}`,
          context.signal,
        ),
    });
    router.service(OutboundPolicies, {
      get: async (request) => {
        await ready;
        return once(outboundView(options, request));
      },
      watch: (request, context) =>
        watch(ready, () => outboundView(options, request), "an outbound policy", context.signal),
    });
  };
}

function inboundView(
  { views, index, settings }: PolicyOptions,
  note: Note,
  request: PortSpec,
): View<StateResult<Server>> {
  const { workload, port } = request;
  const token = tryParseWorkloadToken(workload);
  if (!token) throw new ConnectError(`"${workload}" is no workload token`, Code.InvalidArgument);
  if (port < 1 || port > 65535) throw new ConnectError(`${port} is no port`, Code.InvalidArgument);
  const { namespace, pod } = token;
  if (pod === undefined) {
    throw new ConnectError(
      `ExternalWorkload ${namespace}/${token.externalWorkload} is not known`,
      Code.NotFound,
    );
  }
  return views.get(`inbound/${namespace}/${pod}:${port}`, {
    isEqual: isSameState,
    compute(track) {
      track(`pod/${namespace}/${pod}`);
      const object = index.pod(namespace, pod);
      if (!object) return failure(`pod ${namespace}/${pod} is not known`, Code.NotFound);
      return state(ServerSchema, portPolicy({ index, settings, track, note }, object, port));
    },
  });
}

function outboundView(options: PolicyOptions, request: TrafficSpec): View<StateResult<OutboundPolicy>> {
  const token = tryParseWorkloadToken(request.sourceWorkload);
  if (request.sourceWorkload !== "" && !token) {
    throw new ConnectError(`"${request.sourceWorkload}" is no workload token`, Code.InvalidArgument);
  }
  const target = readTarget(request, options.settings);
  const client = token?.namespace ?? "";
  return options.views.get(`outbound/${client}/${JSON.stringify(target)}`, {
    isEqual: isSameState,
    compute: (track) => computeOutbound(options, target, client, track),
  });
}

function computeOutbound(
  { index, settings, log }: PolicyOptions,
  target: Authority,
  clientNamespace: string,
  track: Track,
): StateResult<OutboundPolicy> {
  const { port } = target;
  let service: ReturnType<ClusterIndex["service"]>;
  if (target.kind === "ip") {
    track(`ip/${target.ip}`);
    [service] = index.servicesByClusterIp(target.ip);
    if (!service) {
      const network = findEgressNetwork(target.ip, clientNamespace, index, settings, track);
      if (network) {
        return told(
          egressNetworkPolicy(network, target.ip, port, clientNamespace, { index, settings, track }),
          log,
        );
      }
      const isInside = settings.clusterNetworks.some((network) => networkContains(network, target.ip));
      // Pods and other addresses of the cluster have no policy: the profile's endpoint leads there.
      if (isInside) return failure(`no Service has the address ${target.ip}`, Code.NotFound);
      return state(OutboundPolicySchema, externalPolicy(target.ip, port, { index, settings, track }));
    }
    track(`service/${service.metadata.namespace}/${service.metadata.name}`);
  } else if (target.kind === "service" && target.instance === undefined) {
    track(`service/${target.namespace}/${target.service}`);
    service = index.service(target.namespace, target.service);
    if (!service)
      return failure(`Service ${target.namespace}/${target.service} does not exist`, Code.NotFound);
  } else {
    return failure("the name is not that of a Service", Code.NotFound);
  }
  return told(servicePolicy(service, port, clientNamespace, { index, settings, track }), log);
}

function told({ policy, problems }: ComputedPolicy, log: Logger): StateResult<OutboundPolicy> {
  for (const problem of problems) log.warn("annotation ignored", problem);
  return state(OutboundPolicySchema, policy);
}

function readTarget({ target }: TrafficSpec, settings: ControlSettings): Authority {
  if (target.case === "addr") {
    const ip = decodeIp(target.value.ip, bitsToIpv6);
    const { port } = target.value;
    if (ip === undefined || port < 1 || port > 65535) {
      throw new ConnectError("the target's address has no IP or no port", Code.InvalidArgument);
    }
    return { kind: "ip", ip, port };
  }
  const authority =
    target.case === "authority" ? parseAuthority(target.value, settings.clusterDomain) : undefined;
  if (!authority) throw new ConnectError("the target is neither address nor authority", Code.InvalidArgument);
  return authority;
}

function once<T>(view: View<StateResult<T>>): T {
  // Subscribed for a moment, so that the view is dropped again.
  const unsubscribe = view.subscribe(() => {});
  try {
    if (view.current.kind === "error") throw view.current.error;
    return view.current.message;
  } finally {
    unsubscribe();
  }
}

async function* watch<T>(
  ready: Promise<void>,
  open: () => View<StateResult<T>>,
  what: string,
  signal: AbortSignal,
): AsyncGenerator<T> {
  await ready;
  const view = open();
  const queue = new UpdateQueue<T>(what);
  const unsubscribe = view.subscribe((next) => {
    if (next.kind === "state") queue.push(next.message);
    else queue.end(next.error);
  });
  try {
    const first = view.current;
    if (first.kind === "error") throw first.error;
    queue.push(first.message);
    yield* queue.drain(signal);
  } finally {
    unsubscribe();
  }
}

function state<D extends DescMessage>(schema: D, message: MessageShape<D>): StateResult<MessageShape<D>> {
  return { kind: "state", message, bytes: toBinary(schema, message) };
}

function failure(message: string, code: Code): StateResult<never> {
  return { kind: "error", error: new ConnectError(message, code) };
}

function isSameState(left: StateResult<unknown>, right: StateResult<unknown>): boolean {
  return left.kind === "state" && right.kind === "state" && Buffer.compare(left.bytes, right.bytes) === 0;
}
