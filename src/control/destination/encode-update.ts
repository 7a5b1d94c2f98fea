import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Update,
  UpdateSchema,
  type WeightedAddrSchema,
} from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import type { Endpoint } from "../../policy/endpoint.ts";
import { encodeAddress } from "../serve/encode-values.ts";
import { encodeFrame } from "../serve/grpc-method.ts";
import { type EndpointSetView, isSameEndpoint } from "./endpoints.ts";

/** Labels that all endpoints of one update share; they are sent once. */
const SET_LABELS: ReadonlySet<string> = new Set(["service", "namespace"]);

/**
 * Encodes endpoint sets, each once however many subscribe: the listeners of a view are told one after the other, with the same pair
 * of states.
 */
export class UpdateEncoder {
  readonly #first = new WeakMap<EndpointSetView, Buffer>();
  #next: EndpointSetView | undefined;
  #previous: EndpointSetView | undefined;
  #frames: readonly Buffer[] = [];

  /** The first message of a stream. */
  first(view: EndpointSetView): Buffer {
    let frame = this.#first.get(view);
    if (!frame) this.#first.set(view, (frame = encodeFrame(UpdateSchema, encodeFirst(view))));
    return frame;
  }

  /** The messages that lead from one state to the next. */
  change(next: EndpointSetView, previous: EndpointSetView): readonly Buffer[] {
    if (next !== this.#next || previous !== this.#previous) {
      this.#next = next;
      this.#previous = previous;
      this.#frames = encodeChange(next, previous).map((update) => encodeFrame(UpdateSchema, update));
    }
    return this.#frames;
  }
}

/** Everything, or why there is nothing. Never NoEndpoints before an Add (proxy-api 6.2). */
export function encodeFirst(view: EndpointSetView): Update {
  return view.endpoints.size === 0 ? encodeNone(view.exists) : encodeAdd([...view.endpoints.values()]);
}

/** What changed between two states. Additions come first, so that a client is never left without endpoints in between. */
export function encodeChange(next: EndpointSetView, previous: EndpointSetView): Update[] {
  if (next.endpoints.size === 0) {
    const isKnown = previous.endpoints.size === 0 && previous.exists === next.exists;
    return isKnown ? [] : [encodeNone(next.exists)];
  }
  const updates: Update[] = [];
  const added = [...next.endpoints.values()].filter((endpoint) => {
    const known = previous.endpoints.get(endpoint.address);
    return !known || !isSameEndpoint(known, endpoint);
  });
  if (added.length > 0) updates.push(encodeAdd(added));
  const removed = [...previous.endpoints.values()].filter(({ address }) => !next.endpoints.has(address));
  if (removed.length > 0) {
    const addrs = removed.map(({ ip, port }) => encodeAddress(ip, port));
    updates.push(create(UpdateSchema, { update: { case: "remove", value: { addrs } } }));
  }
  return updates;
}

function encodeNone(exists: boolean): Update {
  return create(UpdateSchema, { update: { case: "noEndpoints", value: { exists } } });
}

function encodeAdd(endpoints: readonly Endpoint[]): Update {
  const metricLabels = pick(endpoints[0]!.labels, (key) => SET_LABELS.has(key));
  const addrs = endpoints.map((endpoint) => encodeEndpoint(endpoint, (key) => !SET_LABELS.has(key)));
  return create(UpdateSchema, { update: { case: "add", value: { addrs, metricLabels } } });
}

/** @param keep  which labels go with the address */
export function encodeEndpoint(
  endpoint: Endpoint,
  keep: (label: string) => boolean = () => true,
): MessageInitShape<typeof WeightedAddrSchema> {
  const { tls, protocolHint, opaqueTransportPort } = endpoint;
  return {
    addr: encodeAddress(endpoint.ip, endpoint.port),
    weight: endpoint.weight,
    metricLabels: pick(endpoint.labels, keep),
    ...(tls && {
      tlsIdentity: {
        strategy: tls.identity.includes("://")
          ? { case: "uriLikeIdentity" as const, value: { uri: tls.identity } }
          : { case: "dnsLikeIdentity" as const, value: { name: tls.identity } },
        serverName: { name: tls.serverName },
      },
    }),
    ...((protocolHint || opaqueTransportPort !== undefined) && {
      protocolHint: {
        protocol: protocolHint ? { case: protocolHint, value: {} } : { case: undefined },
        ...(opaqueTransportPort !== undefined && { opaqueTransport: { inboundPort: opaqueTransportPort } }),
      },
    }),
  };
}

function pick(
  labels: Readonly<Record<string, string>>,
  keep: (label: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([label]) => keep(label)));
}
