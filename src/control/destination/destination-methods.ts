import { Destination, type GetDestination } from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import type { Registry } from "../../metrics/registry.ts";
import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Views } from "../index/view.ts";
import { GrpcCode, GrpcError } from "../serve/grpc-error.ts";
import { type GrpcCall, type GrpcMethod, streamMethod } from "../serve/grpc-method.ts";
import { parseContextToken } from "../serve/tokens.ts";
import { type Authority, parseAuthority } from "./authority.ts";
import { UpdateEncoder } from "./encode-update.ts";
import { EndpointsSubscription } from "./endpoints-subscription.ts";
import { profileSpec } from "./profile.ts";

export interface DestinationOptions {
  readonly index: ClusterIndex;
  readonly views: Views;
  readonly settings: ControlSettings;
  /** Resolves when the index has been filled: an answer before would say that nothing exists. */
  readonly ready: Promise<void>;
  readonly metrics: Registry;
}

/** `io.linkerd.proxy.destination.Destination`: endpoints and profiles. */
export function destinationMethods(options: DestinationOptions): readonly GrpcMethod[] {
  const { metrics, ready } = options;
  const encoder = new UpdateEncoder();
  const overflows = metrics.counter(
    "endpoint_updates_queue_overflow",
    "Streams of endpoints that were ended because their client did not take what it was sent",
    ["service"],
  );
  return [
    streamMethod(Destination.method.get, ready, (request, call) => {
      get(options, encoder, request, call, (service) => overflows.add(1, { service }));
    }),
    streamMethod(Destination.method.getProfile, ready, (request, call) => getProfile(options, request, call)),
  ];
}

function get(
  { index, views, settings }: DestinationOptions,
  encoder: UpdateEncoder,
  request: GetDestination,
  call: GrpcCall,
  overflowed: (service: string) => void,
): void {
  call.subject = request.path;
  const authority = readAuthority(request.path, settings);
  if (authority.kind === "ip") {
    throw new GrpcError(`${request.path} is an address; endpoints belong to names`, GrpcCode.invalidArgument);
  }
  if (authority.kind === "foreign") {
    throw new GrpcError(`${authority.host} is no Service of this cluster`, GrpcCode.invalidArgument);
  }
  const { namespace, service, instance: hostname, port } = authority;
  const object = index.service(namespace, service);
  if (!object) throw new GrpcError(`Service ${namespace}/${service} does not exist`, GrpcCode.notFound);
  if (object.spec?.type === "ExternalName") {
    throw new GrpcError(`Service ${namespace}/${service} is an ExternalName`, GrpcCode.invalidArgument);
  }
  const { nodeName } = parseContextToken(request.contextToken);
  const subscription = new EndpointsSubscription(
    { index, views, settings },
    { namespace, service, port, hostname, nodeName },
    (next, previous) => {
      for (const frame of encoder.change(next, previous)) call.send(frame);
    },
  );
  call.onOver = (how) => {
    subscription.close();
    if (how === "overflowed") overflowed(`${service}.${namespace}.svc.${settings.clusterDomain}:${port}`);
  };
  call.send(encoder.first(subscription.current));
}

function getProfile(
  { index, views, settings }: DestinationOptions,
  request: GetDestination,
  call: GrpcCall,
): void {
  call.subject = request.path;
  const authority = readAuthority(request.path, settings);
  const { namespace } = parseContextToken(request.contextToken);
  const view = views.get(
    `profile/${JSON.stringify(authority)}/${namespace}`,
    profileSpec(index, settings, authority, namespace),
  );
  call.onOver = view.subscribe((next) => {
    if (next.kind === "profile") call.sendState(next.frame);
    else call.end(next.error);
  });
  const first = view.current;
  if (first.kind === "error") throw first.error;
  call.sendState(first.frame);
}

function readAuthority(path: string, settings: ControlSettings): Authority {
  const authority = parseAuthority(path, settings.clusterDomain);
  if (authority) return authority;
  throw new GrpcError(`"${path}" is no authority of the form name:port or ip:port`, GrpcCode.invalidArgument);
}
