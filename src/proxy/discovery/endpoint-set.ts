import { isDeepStrictEqual } from "node:util";
import type { Update } from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import type { Endpoint } from "../../policy/endpoint.ts";
import type { EndpointSet } from "../dependencies.ts";
import { decodeAddresses, tryDecodeEndpoint } from "./decode-endpoint.ts";

export const UNKNOWN_ENDPOINTS: EndpointSet = { known: false, exists: false, endpoints: new Map() };

/**
 * The endpoint set after one update.
 *
 * An endpoint that is repeated as it was stays the same object; one whose metadata changed is a new object.
 *
 * @param isFirst  whether no update of this stream counted yet. Then an Add replaces the entire set and a Remove is ignored; NoEndpoints always clears
 * @returns the same object when nothing changed, or when the update must be ignored
 * @see reference: proxy-api section 6.2
 */
export function applyUpdate(set: EndpointSet, message: Update, isFirst: boolean): EndpointSet {
  switch (message.update.case) {
    case "add": {
      const { addrs, metricLabels } = message.update.value;
      const added = addrs.flatMap((address) => tryDecodeEndpoint(address, metricLabels) ?? []);
      if (added.length === 0) return set;
      return withAdded(set, added, isFirst);
    }
    case "remove": {
      if (isFirst) return set;
      const endpoints = new Map(set.endpoints);
      let changed = false;
      for (const address of decodeAddresses(message.update.value)) {
        if (endpoints.delete(address)) changed = true;
      }
      return changed ? { ...set, endpoints } : set;
    }
    case "noEndpoints":
      return { known: true, exists: message.update.value.exists, endpoints: new Map() };
    default:
      return set;
  }
}

/** Whether an update has said something: only then does the next one count as a later one. */
export function isMeaningful(message: Update): boolean {
  switch (message.update.case) {
    case "add":
      return message.update.value.addrs.some((address) => tryDecodeEndpoint(address, {}) !== undefined);
    case "noEndpoints":
      return true;
    default:
      return false;
  }
}

function withAdded(set: EndpointSet, added: readonly Endpoint[], replacesAll: boolean): EndpointSet {
  const endpoints = new Map(replacesAll ? [] : set.endpoints);
  let changed = !set.known || !set.exists;
  for (const endpoint of added) {
    const before = set.endpoints.get(endpoint.address);
    const isSame = before !== undefined && isDeepStrictEqual(before, endpoint);
    endpoints.set(endpoint.address, isSame ? before : endpoint);
    if (!isSame) changed = true;
  }
  if (!changed && endpoints.size === set.endpoints.size) return set;
  return { known: true, exists: true, endpoints };
}
