import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import {
  InboundServerPolicies,
  type PortSpec,
  ServerSchema,
} from "../../api/gen/io/linkerd/proxy/inbound_pb.js";
import {
  OutboundPolicies,
  OutboundPolicySchema,
  type TrafficSpec,
} from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import { bitsToIpv6, joinHostPort, networkContains } from "../../base/ip.ts";
import type { Logger } from "../../base/log.ts";
import type { ControlSettings } from "../control-settings.ts";
import { type Authority, parseAuthority } from "../destination/authority.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { CUSTOM_KINDS } from "../index/custom-kinds.ts";
import type { Track, View, Views } from "../index/view.ts";
import { decodeIp } from "../serve/encode-values.ts";
import { GrpcCode, GrpcError } from "../serve/grpc-error.ts";
import {
  decodeFrame,
  encodeFrame,
  type GrpcCall,
  type GrpcMethod,
  streamMethod,
  unaryMethod,
} from "../serve/grpc-method.ts";
import { tryParseWorkloadToken } from "../serve/tokens.ts";
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

/** A full-state message in its frame, whose bytes tell whether it has changed; or why there is none. */
type StateResult =
  | { readonly kind: "state"; readonly frame: Buffer }
  | { readonly kind: "error"; readonly error: GrpcError };

/** `InboundServerPolicies` and `OutboundPolicies`. Streams carry the whole state each time. */
export function policyMethods(options: PolicyOptions): readonly GrpcMethod[] {
  const { ready } = options;
  const note = createNotes(options.log);
  const { getPort, watchPort } = InboundServerPolicies.method;
  return [
    unaryMethod(getPort, async (request) => {
      await ready;
      return decodeFrame(ServerSchema, once(inboundView(options, note, request)));
    }),
    streamMethod(watchPort, ready, (request, call) => {
      call.subject = `${request.workload.trim()}:${request.port}`;
      watch(inboundView(options, note, request), call);
    }),
    unaryMethod(OutboundPolicies.method.get, async (request) => {
      await ready;
      return decodeFrame(OutboundPolicySchema, once(outboundView(options, request)));
    }),
    streamMethod(OutboundPolicies.method.watch, ready, (request, call) => {
      call.subject = subjectOf(request);
      watch(outboundView(options, request), call);
    }),
  ];
}

function subjectOf({ target, sourceWorkload }: TrafficSpec): string {
  const to =
    target.case === "addr"
      ? joinHostPort(decodeIp(target.value.ip, bitsToIpv6) ?? "", target.value.port)
      : (target.value ?? "");
  return `${sourceWorkload.trim()} -> ${to}`;
}

function inboundView(
  { views, index, settings }: PolicyOptions,
  note: Note,
  request: PortSpec,
): View<StateResult> {
  const { workload, port } = request;
  const token = tryParseWorkloadToken(workload);
  if (!token) throw new GrpcError(`"${workload}" is no workload token`, GrpcCode.invalidArgument);
  if (port < 1 || port > 65535) throw new GrpcError(`${port} is no port`, GrpcCode.invalidArgument);
  const { namespace, pod = "", externalWorkload } = token;
  if (externalWorkload !== undefined) {
    return views.get(`inbound/external/${namespace}/${externalWorkload}:${port}`, {
      isEqual: isSameState,
      compute(track) {
        const object = index.custom.get(CUSTOM_KINDS.externalWorkload, namespace, externalWorkload, track);
        if (!object) {
          return failure(`ExternalWorkload ${namespace}/${externalWorkload} is not known`, GrpcCode.notFound);
        }
        return state(ServerSchema, portPolicy({ index, settings, track, note }, object, port));
      },
    });
  }
  return views.get(`inbound/${namespace}/${pod}:${port}`, {
    isEqual: isSameState,
    compute(track) {
      track(`pod/${namespace}/${pod}`);
      const object = index.pod(namespace, pod);
      if (!object) return failure(`pod ${namespace}/${pod} is not known`, GrpcCode.notFound);
      return state(ServerSchema, portPolicy({ index, settings, track, note }, object, port));
    },
  });
}

function outboundView(options: PolicyOptions, request: TrafficSpec): View<StateResult> {
  const token = tryParseWorkloadToken(request.sourceWorkload);
  if (request.sourceWorkload !== "" && !token) {
    throw new GrpcError(`"${request.sourceWorkload}" is no workload token`, GrpcCode.invalidArgument);
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
): StateResult {
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
      if (isInside) return failure(`no Service has the address ${target.ip}`, GrpcCode.notFound);
      return state(OutboundPolicySchema, externalPolicy(target.ip, port, { index, settings, track }));
    }
    track(`service/${service.metadata.namespace}/${service.metadata.name}`);
  } else if (target.kind === "service" && target.instance === undefined) {
    track(`service/${target.namespace}/${target.service}`);
    service = index.service(target.namespace, target.service);
    if (!service)
      return failure(`Service ${target.namespace}/${target.service} does not exist`, GrpcCode.notFound);
  } else {
    return failure("the name is not that of a Service", GrpcCode.notFound);
  }
  return told(servicePolicy(service, port, clientNamespace, { index, settings, track }), log);
}

function told({ policy, problems }: ComputedPolicy, log: Logger): StateResult {
  for (const problem of problems) log.warn("annotation ignored", problem);
  return state(OutboundPolicySchema, policy);
}

function readTarget({ target }: TrafficSpec, settings: ControlSettings): Authority {
  if (target.case === "addr") {
    const ip = decodeIp(target.value.ip, bitsToIpv6);
    const { port } = target.value;
    if (ip === undefined || port < 1 || port > 65535) {
      throw new GrpcError("the target's address has no IP or no port", GrpcCode.invalidArgument);
    }
    return { kind: "ip", ip, port };
  }
  const authority =
    target.case === "authority" ? parseAuthority(target.value, settings.clusterDomain) : undefined;
  if (!authority)
    throw new GrpcError("the target is neither address nor authority", GrpcCode.invalidArgument);
  return authority;
}

function once(view: View<StateResult>): Buffer {
  // Subscribed for a moment, so that the view is dropped again.
  const unsubscribe = view.subscribe(() => {});
  try {
    if (view.current.kind === "error") throw view.current.error;
    return view.current.frame;
  } finally {
    unsubscribe();
  }
}

function watch(view: View<StateResult>, call: GrpcCall): void {
  call.onOver = view.subscribe((next) => {
    if (next.kind === "state") call.sendState(next.frame);
    else call.end(next.error);
  });
  const first = view.current;
  if (first.kind === "error") throw first.error;
  call.sendState(first.frame);
}

function state<D extends DescMessage>(schema: D, message: MessageShape<D>): StateResult {
  return { kind: "state", frame: encodeFrame(schema, message) };
}

function failure(message: string, code: GrpcCode): StateResult {
  return { kind: "error", error: new GrpcError(message, code) };
}

function isSameState(left: StateResult, right: StateResult): boolean {
  return left.kind === "state" && right.kind === "state" && Buffer.compare(left.frame, right.frame) === 0;
}
