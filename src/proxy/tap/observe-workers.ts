import { toBinary } from "@bufbuild/protobuf";
import { ObserveRequestSchema } from "../../api/gen/io/linkerd/proxy/tap_pb.js";
import type { ObservedEvent } from "../workers/messages.ts";
import type { Observe } from "./observe-here.ts";
import { checkRequest } from "./tap-observe.ts";

/** Who passes a call on to all workers, and what they saw back. */
export interface ObservingWorkers {
  observe(
    request: Uint8Array,
    base: number,
    onEvents: (events: readonly ObservedEvent[]) => void,
  ): { stop(): void };
}

/**
 * Observes what passes through workers, from their main thread. Each of them looks for as many requests as were asked for; the first
 * so many, whoever saw them, are told, each until it ends.
 */
export function observeWorkers(workers: ObservingWorkers): Observe {
  return ({ request, base, write, onDone }) => {
    checkRequest(request);
    const followed = new Set<bigint>();
    let left = request.limit;
    let isOver = false;
    const take = ({ kind, stream, event }: ObservedEvent): void => {
      if (kind === "requestInit") {
        if (left === 0) return;
        left--;
        followed.add(stream);
      } else if (!followed.has(stream)) return;
      // What a worker had no room for is lost, as what a slow reader has none for.
      if (event) write(event);
      if (kind !== "responseEnd") return;
      followed.delete(stream);
      if (left > 0 || followed.size > 0) return;
      isOver = true;
      onDone();
    };
    return workers.observe(toBinary(ObserveRequestSchema, request), base, (events) => {
      for (const event of events) if (!isOver) take(event);
    });
  };
}
