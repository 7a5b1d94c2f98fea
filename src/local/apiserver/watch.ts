import type { ServerResponse } from "node:http";
import type { Clock } from "../../base/clock.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { fromStorage } from "./convert.ts";
import { encodeFor, parseVersion, selectionOf } from "./list.ts";
import { isTrue } from "./request-info.ts";
import { apiVersionOf, type ResourceInfo } from "./resource-info.ts";
import type { Representation } from "./respond.ts";
import { statusOf } from "./status.ts";
import type { Revision, Store } from "./store.ts";
import { type IncludeObject, partialMetadata, renderTable } from "./table/render.ts";

/** A client that lets this much pile up is cut off; it will list again (bytes). */
const BACKLOG_BYTES_MAX = 16 * 1024 * 1024;
const BOOKMARK_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 30 * 60_000;

export interface WatchDeps {
  readonly store: Store;
  readonly clock: Clock;
}

/**
 * Streams changes as JSON lines until the client leaves or the time is over.
 *
 *   no version, 0        -> every object as ADDED, then changes
 *   version v            -> changes after v; an ERROR event with 410 when the log does not reach back to it
 *   sendInitialEvents    -> every object, a bookmark that says so, then changes
 *
 * An object that comes into the selection is ADDED, one that leaves it DELETED.
 */
export function serveWatch(
  deps: WatchDeps,
  response: ServerResponse,
  resource: ResourceInfo,
  namespace: string | undefined,
  name: string,
  query: URLSearchParams,
  representation: Representation,
): void {
  const { store, clock } = deps;
  const selected = selectionOf(resource, name, query);
  const bookmarks = isTrue(query.get("allowWatchBookmarks"));
  const initial = query.get("sendInitialEvents");
  const versionText = query.get("resourceVersion") ?? "";
  const since = versionText === "" || versionText === "0" ? undefined : parseVersion(versionText);
  const include = (query.get("includeObject") ?? "Metadata") as IncludeObject;
  let withColumns = true;

  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-cache, private" });
  response.flushHeaders();

  const body = (object: KubeObject): string => {
    if (representation === "object") return encodeFor(store, resource, object);
    if (representation === "metadata") return JSON.stringify(partialMetadata(object));
    const shown = fromStorage(resource, object);
    const table = renderTable(resource, [shown], include, clock.now(), withColumns);
    withColumns = false;
    return JSON.stringify({ ...table, metadata: { resourceVersion: object.metadata.resourceVersion } });
  };
  const send = (type: string, text: string): void => {
    response.write(`{"type":"${type}","object":${text}}\n`);
    if (response.writableLength > BACKLOG_BYTES_MAX) response.destroy();
  };
  const sendBookmark = (annotations?: Record<string, string>): void => {
    const metadata = {
      resourceVersion: String(store.version),
      creationTimestamp: null,
      ...(annotations ? { annotations } : {}),
    };
    if (representation === "table") {
      const object = { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
      send(
        "BOOKMARK",
        JSON.stringify({
          kind: "Table",
          apiVersion: "meta.k8s.io/v1",
          metadata: { resourceVersion: metadata.resourceVersion },
          columnDefinitions: [],
          rows: [{ cells: [], object }],
        }),
      );
    } else
      send("BOOKMARK", JSON.stringify({ kind: resource.kind, apiVersion: apiVersionOf(resource), metadata }));
  };

  const inScope = (object: KubeObject) =>
    namespace === undefined || (object.metadata.namespace ?? "") === namespace;
  const onRevision = ({ type, object, previous }: Revision): void => {
    if (!inScope(object)) return;
    const was = previous !== undefined && selected(previous);
    const is = type !== "DELETED" && selected(object);
    if (is) send(was ? "MODIFIED" : "ADDED", body(object));
    else if (was) send("DELETED", body(type === "DELETED" ? object : withVersion(previous, object)));
  };

  let stop = () => {};
  const timers: { cancel(): void }[] = [];
  const end = (): void => {
    stop();
    for (const timer of timers.splice(0)) timer.cancel();
  };
  response.on("close", end);
  try {
    const start = initial === "true" ? undefined : since;
    if (start === undefined && initial !== "false") {
      for (const object of store.list(resource.bucket, namespace))
        if (selected(object)) send("ADDED", body(object));
      if (initial === "true" && bookmarks) sendBookmark({ "k8s.io/initial-events-end": "true" });
    }
    stop = store.watch(resource.bucket, start ?? store.version, onRevision);
  } catch (caught) {
    send("ERROR", JSON.stringify(statusOf(caught)));
    response.end();
    return;
  }
  const seconds = Number(query.get("timeoutSeconds") ?? 0);
  const timeoutMs = seconds > 0 ? seconds * 1000 : DEFAULT_TIMEOUT_MS;
  timers[0] = clock.schedule(timeoutMs, () => {
    if (bookmarks) sendBookmark();
    end();
    response.end();
  });
  if (!bookmarks) return;
  const tick = (): void => {
    sendBookmark();
    timers[1] = clock.schedule(BOOKMARK_MS, tick);
  };
  timers[1] = clock.schedule(BOOKMARK_MS, tick);
}

/** What leaves a selection is shown as it was, at the version of the change that took it out. */
function withVersion(previous: KubeObject, now: KubeObject): KubeObject {
  const { resourceVersion } = now.metadata;
  return { ...previous, metadata: { ...previous.metadata, ...(resourceVersion ? { resourceVersion } : {}) } };
}
