import type { Clock } from "../../base/clock.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import type { Logger } from "../../base/log.ts";
import type { ObjectApi } from "../object-api.ts";
import { EVENTS } from "../resources.ts";
import { isNotFound, timestamp } from "./controller.ts";
import { NODE_NAME } from "./node.ts";

export interface EventRecorder {
  /** Records an Event about `object`; the same words about the same object raise the count of the first. Never throws. */
  record(object: KubeObject, type: "Normal" | "Warning", reason: string, message: string): void;
}

export interface EventRecorderOptions {
  readonly objects: ObjectApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who speaks: `deployment-controller`, `kubelet`. */
  readonly component: string;
}

/** Distinct events whose counts are kept; the oldest is forgotten first, and then starts a new Event. */
const KNOWN_MAX = 2000;

/** Events of one component, written in the background in order. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { objects, clock, log, component } = options;
  const known = new Map<string, { name: string; count: number }>();
  let sequence = 0;
  let chain: Promise<void> = Promise.resolve();

  const write = async (
    object: KubeObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ): Promise<void> => {
    const namespace = object.metadata.namespace ?? "default";
    const now = timestamp(clock.now());
    const identity = `${object.metadata.uid ?? ""}|${type}|${reason}|${message}`;
    const seen = known.get(identity);
    if (seen) {
      seen.count++;
      try {
        await objects.mergePatch(EVENTS, namespace, seen.name, { count: seen.count, lastTimestamp: now });
        return;
      } catch (caught) {
        if (!isNotFound(caught)) throw caught;
      }
    }
    sequence++;
    const name = `${object.metadata.name}.${clock.now().toString(16)}${sequence.toString(16).padStart(4, "0")}`;
    if (known.size >= KNOWN_MAX) known.delete(known.keys().next().value!);
    known.set(identity, { name, count: 1 });
    await objects.create(EVENTS, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name: object.metadata.name,
        ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
      },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      // Only what runs on a node says on which.
      source: component === "kubelet" ? { component, host: NODE_NAME } : { component },
      reportingComponent: component,
      reportingInstance: component === "kubelet" ? NODE_NAME : "",
    });
  };

  return {
    record(object, type, reason, message) {
      chain = chain
        .then(() => write(object, type, reason, message))
        .catch((caught: unknown) => {
          // The namespace may be going away; an Event is news, not state.
          log.debug("event was not recorded", {
            reason,
            object: object.metadata.name,
            error: caught instanceof Error ? caught.message : String(caught),
          });
        });
    },
  };
}
