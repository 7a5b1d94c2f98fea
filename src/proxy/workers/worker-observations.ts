import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ObserveRequestSchema, TapEventSchema } from "../../api/gen/io/linkerd/proxy/tap_pb.js";
import type { ObserverSet } from "../../observe/observer-set.ts";
import type { TapEventInit } from "../tap/tap-events.ts";
import { TapObservation } from "../tap/tap-observe.ts";
import { type MainThread, type ObservedEvent, podWideId } from "./messages.ts";

/** Events that leave in one message with what they say; of more the main thread hears only that they were. */
const EVENTS_MAX = 1000;

/**
 * The calls of the tap port, as one of several workers serves them: events go to the main thread in batches, one a turn of the event
 * loop. Loaded with the first call.
 */
export class WorkerObservations {
  readonly #exchanges: ObserverSet;
  readonly #index: number;
  readonly #main: MainThread;
  readonly #open = new Map<number, TapObservation>();

  constructor(exchanges: ObserverSet, index: number, main: MainThread) {
    this.#exchanges = exchanges;
    this.#index = index;
    this.#main = main;
  }

  open(id: number, request: Uint8Array, base: number): void {
    let events: ObservedEvent[] = [];
    const send = (): void => {
      if (this.#open.has(id)) this.#main.post({ kind: "observed", id, events });
      events = [];
    };
    const observation = new TapObservation({
      request: fromBinary(ObserveRequestSchema, request),
      base,
      firstStream: BigInt(podWideId(0, this.#index)),
      exchanges: this.#exchanges,
      write: (event) => {
        if (events.length === 0) setImmediate(send);
        const hasRoom = events.length < EVENTS_MAX;
        events.push(observed(event, hasRoom));
        return hasRoom;
      },
      // The main thread counts for all.
      onDone() {},
    });
    this.#open.set(id, observation);
  }

  close(id: number): void {
    this.#open.get(id)?.stop();
    this.#open.delete(id);
  }
}

function observed(init: TapEventInit, hasRoom: boolean): ObservedEvent {
  const http = init.event?.case === "http" ? init.event.value.event : undefined;
  const kind = http?.case;
  if (!http || !kind) throw new Error("a tap event of no kind");
  const event = hasRoom ? toBinary(TapEventSchema, create(TapEventSchema, init)) : undefined;
  return { kind, stream: http.value.id?.stream ?? 0n, event };
}
