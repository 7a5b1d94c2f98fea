import { Destination, type Update } from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import { watchStream } from "../control/watch-stream.ts";
import type { EndpointSet } from "../dependencies.ts";
import { applyUpdate, isMeaningful, UNKNOWN_ENDPOINTS } from "./endpoint-set.ts";
import { WatchedCell } from "./shared-watch.ts";
import { isRefusal, type StreamSource } from "./stream-source.ts";

/**
 * Follows the endpoints of `name:port`. A set that is known stays when the stream breaks, until the next one's first Add replaces it.
 *
 * @param context  opaque token for the controller
 */
export function watchEndpoints(
  source: StreamSource,
  path: string,
  context: string,
  signal: AbortSignal,
): WatchedCell<EndpointSet> {
  const cell = new WatchedCell<EndpointSet>(UNKNOWN_ENDPOINTS);
  let isFirst = true;
  const opened = watchStream<Update>(
    {
      ...source,
      what: `endpoints of ${path}`,
      open: (stop, onMessage) => {
        isFirst = true;
        return source.client.stream(
          Destination.method.get,
          { path, contextToken: context },
          { signal: stop, onMessage },
        );
      },
      onMessage: (message) => {
        cell.set(applyUpdate(cell.current, message, isFirst));
        if (isMeaningful(message)) isFirst = false;
      },
      isFinal: isRefusal,
    },
    signal,
  );
  opened.then((error) => {
    if (!error) return;
    source.log.warn("no endpoints", { target: path, error: error.message });
    // The controller will never name endpoints for this: an empty set, so that requests fail instead of waiting.
    if (!cell.current.known) cell.set({ known: true, exists: false, endpoints: new Map() });
  });
  return cell;
}
