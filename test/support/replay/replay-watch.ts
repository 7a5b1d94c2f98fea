import type { KubeObject } from "../../../src/base/kube-object.ts";
import type { ResourcePath } from "../../../src/local/apiserver/request-info.ts";
import type { Store } from "../../../src/local/apiserver/store.ts";
import { compareAnswers, type Difference } from "./compare.ts";
import type { Exchange, Json } from "./recording.ts";

/** A stream of events that is open. */
export interface OpenWatch {
  readonly status: number;
  /** The next event; undefined when the server ended the stream. */
  next(): Promise<Json | undefined>;
  close(): void;
}

interface Event {
  readonly type: string;
  readonly object: Json;
}

/** Whether a watch can be played: its events must show whole objects, or there must be none. */
export function isPlayable({ status, answer }: Exchange): boolean {
  return (
    status === 200 &&
    Array.isArray(answer) &&
    eventsOf(answer).every((event) => objectOf(event) !== undefined)
  );
}

/**
 * Plays a watch: makes the target's objects those before the first event, opens the same watch at the present version, makes the changes that
 * the events tell of, and compares what the stream says.
 */
export async function replayWatch(
  exchange: Exchange,
  path: ResourcePath,
  store: Store,
  open: (path: string, headers: Record<string, string>) => Promise<OpenWatch>,
  headers: Record<string, string>,
): Promise<Difference[]> {
  const bucket = `${path.group}/${path.plural}`;
  const events = eventsOf(exchange.answer);
  const isInitial = !/resourceVersion=[1-9]/.test(exchange.query);
  // Those before the bookmark; without one, the first of each object.
  const end = events.findIndex(isInitialEnd);
  const known = isInitial ? events.slice(0, end < 0 ? leadingAdded(events) : end) : [];
  const changes = events.slice(known.length).filter((event) => event.type !== "BOOKMARK");
  for (const event of known) put(store, bucket, event);
  prepare(store, bucket, changes, known);
  const query = exchange.query.replace(/(?<=resourceVersion=)[1-9]\d*/, String(store.version));
  const watch = await open(`${exchange.path}${query}`, headers);
  try {
    if (watch.status !== exchange.status)
      return [{ path: "status", expected: exchange.status, actual: watch.status }];
    for (const event of changes) {
      if (event.type === "DELETED") {
        const { namespace = "", name } = objectOf(event)!.metadata;
        store.remove(bucket, namespace, name!);
      } else put(store, bucket, event);
    }
    const differences: Difference[] = [];
    for (const [index, expected] of events.entries()) {
      const actual = await watch.next();
      // Of a bookmark, only that it comes and what it says counts: Go sends the rest of an empty object along.
      if (isInitialEnd(expected)) {
        if (!actual || !isInitialEnd(actual)) differences.push({ path: `[${index}]`, expected, actual });
      } else differences.push(...compareAnswers(expected, actual, `[${index}]`));
    }
    return differences;
  } finally {
    watch.close();
  }
}

function leadingAdded(events: readonly Event[]): number {
  const index = events.findIndex((event) => event.type !== "ADDED");
  return index < 0 ? events.length : index;
}

/** Without bookmarks of the passing of time. */
function eventsOf(answer: readonly Event[]): Event[] {
  return answer.filter((event) => event.type !== "BOOKMARK" || isInitialEnd(event));
}

function isInitialEnd({ type, object }: Event): boolean {
  return type === "BOOKMARK" && object.metadata?.annotations?.["k8s.io/initial-events-end"] === "true";
}

function objectOf({ type, object }: Event): KubeObject | undefined {
  const whole = object.kind === "Table" ? object.rows[0]?.object : object;
  if (type === "BOOKMARK") return object;
  return whole?.kind === "PartialObjectMetadata" || whole?.kind === "Status" ? undefined : whole;
}

function put(store: Store, bucket: string, event: Event): void {
  const { apiVersion, kind, ...rest } = objectOf(event)!;
  const { resourceVersion: _version, ...metadata } = rest.metadata;
  store.put(bucket, { apiVersion, kind, ...rest, metadata });
}

function keyOf(event: Event): string {
  const { namespace = "", name } = objectOf(event)!.metadata;
  return `${namespace}/${name}`;
}

/** What is going to be added is not there yet; what is going to change is. */
function prepare(store: Store, bucket: string, changes: readonly Event[], known: readonly Event[]): void {
  const seen = new Set(known.map((event) => keyOf(event)));
  for (const event of changes) {
    const { namespace = "", name } = objectOf(event)!.metadata;
    const key = keyOf(event);
    if (seen.has(key)) continue;
    seen.add(key);
    if (event.type === "ADDED") store.remove(bucket, namespace, name!);
    else put(store, bucket, event);
  }
}
