import { VERSION } from "../../base/version.ts";
import type { Views } from "../index/view.ts";
import type { ConnectionState } from "./grpc-connection.ts";

export interface DebugStateOptions {
  /** Objects that are held, by kind. */
  readonly objects: () => Readonly<Record<string, number>>;
  readonly views: Views;
  readonly connections: () => Readonly<Record<string, readonly ConnectionState[]>>;
}

/** What a control plane knows and whom it tells, as JSON: `/debug/state`. Names and counts; no object, and no secret, is in it. */
export function debugState({ objects, views, connections }: DebugStateOptions): object {
  return {
    version: VERSION,
    objects: objects(),
    views: [...views.states()].map(({ key, subscribers, changes }) => ({ key, subscribers, changes })),
    subscribers: connections(),
  };
}
