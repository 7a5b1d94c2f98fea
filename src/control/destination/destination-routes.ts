import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import {
  Destination,
  type DestinationProfile,
  type GetDestination,
  type Update,
} from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Views } from "../index/view.ts";
import { parseContextToken } from "../serve/tokens.ts";
import { UpdateQueue } from "../serve/update-queue.ts";
import { type Authority, parseAuthority } from "./authority.ts";
import { encodeChange, encodeFirst } from "./encode-update.ts";
import { type EndpointSetView, endpointsKey, endpointsSpec } from "./endpoints.ts";
import { profileSpec } from "./profile.ts";

export interface DestinationOptions {
  readonly index: ClusterIndex;
  readonly views: Views;
  readonly settings: ControlSettings;
  /** Resolves when the index has been filled: an answer before would say that nothing exists. */
  readonly ready: Promise<void>;
}

/** `io.linkerd.proxy.destination.Destination`: endpoints and profiles. */
export function destinationRoutes(options: DestinationOptions): (router: ConnectRouter) => void {
  return (router) => {
    router.service(Destination, {
      get: (request, context) => get(options, request, context),
      getProfile: (request, context) => getProfile(options, request, context),
    });
  };
}

async function* get(
  { index, views, settings, ready }: DestinationOptions,
  request: GetDestination,
  context: HandlerContext,
): AsyncGenerator<Update> {
  await ready;
  const authority = readAuthority(request.path, settings);
  if (authority.kind === "ip") {
    throw new ConnectError(`${request.path} is an address; endpoints belong to names`, Code.InvalidArgument);
  }
  if (authority.kind === "foreign") {
    throw new ConnectError(`${authority.host} is no Service of this cluster`, Code.InvalidArgument);
  }
  const { namespace, service, instance: hostname, port } = authority;
  const object = index.service(namespace, service);
  if (!object) throw new ConnectError(`Service ${namespace}/${service} does not exist`, Code.NotFound);
  if (object.spec?.type === "ExternalName") {
    throw new ConnectError(`Service ${namespace}/${service} is an ExternalName`, Code.InvalidArgument);
  }
  const { nodeName } = parseContextToken(request.contextToken);
  const query = { namespace, service, port, hostname, nodeName };
  const view = views.get<EndpointSetView>(endpointsKey(query), endpointsSpec(index, settings, query));
  const queue = new UpdateQueue<Update>(`endpoints of ${request.path}`);
  const unsubscribe = view.subscribe((next, previous) => {
    for (const update of encodeChange(next, previous)) queue.push(update);
  });
  try {
    queue.push(encodeFirst(view.current));
    yield* queue.drain(context.signal);
  } finally {
    unsubscribe();
  }
}

async function* getProfile(
  { index, views, settings, ready }: DestinationOptions,
  request: GetDestination,
  context: HandlerContext,
): AsyncGenerator<DestinationProfile> {
  await ready;
  const authority = readAuthority(request.path, settings);
  const { namespace } = parseContextToken(request.contextToken);
  const view = views.get(
    `profile/${JSON.stringify(authority)}/${namespace}`,
    profileSpec(index, settings, authority, namespace),
  );
  const queue = new UpdateQueue<DestinationProfile>(`profile of ${request.path}`);
  const unsubscribe = view.subscribe((next) => {
    if (next.kind === "profile") queue.push(next.profile);
    else queue.end(next.error);
  });
  try {
    const first = view.current;
    if (first.kind === "error") throw first.error;
    queue.push(first.profile);
    yield* queue.drain(context.signal);
  } finally {
    unsubscribe();
  }
}

function readAuthority(path: string, settings: ControlSettings): Authority {
  const authority = parseAuthority(path, settings.clusterDomain);
  if (authority) return authority;
  throw new ConnectError(`"${path}" is no authority of the form name:port or ip:port`, Code.InvalidArgument);
}
