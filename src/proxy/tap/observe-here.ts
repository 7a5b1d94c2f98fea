import type { ObserveRequest } from "../../api/gen/io/linkerd/proxy/tap_pb.js";
import type { ObserverSet } from "../../observe/observer-set.ts";
import type { TapEventInit } from "./tap-events.ts";
import { TapObservation } from "./tap-observe.ts";

/** What the tap server needs: begins to observe, and says how to stop. @throws MeshError `TAP_BAD_MATCH` */
export type Observe = (options: {
  readonly request: ObserveRequest;
  readonly base: number;
  /** The same as of an observation; whoever has the event encoded already gives it so. */
  readonly write: (event: TapEventInit | Uint8Array) => boolean;
  readonly onDone: () => void;
}) => { stop(): void };

/** Observes what passes through this thread. */
export function observeHere(exchanges: ObserverSet): Observe {
  return (options) => new TapObservation({ ...options, exchanges });
}
