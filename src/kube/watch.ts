import type { Readable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { MeshError, toMeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import type { KubeClient, KubeList } from "./client.ts";
import { readLines } from "./read-lines.ts";
import { apiVersionOf, resourcePath } from "./resource-path.ts";
import type { ResourceRef, SourceEvent } from "./source.ts";
import { type KubeStatus, KubeStatusError } from "./status-error.ts";

/**
 * Where a watch is. One step does one request, or reads one batch of lines, and says where it is afterwards:
 *
 *              init            last page: init-done            opened
 *   empty ------------> listing ---------------> listed ------------------> watching
 *     ^    <-- 410 ----    |  ^ next page           ^                          |  |
 *     |                    +--+                     +---- closed, cut, silent--+  +-- apply, delete,
 *     +---------------------------- 410, or three failures at one version --------+   bookmark
 *
 * Whatever goes wrong leaves a state from which the next step can go on; a fault is a value in the outcome, never an exception.
 */
export type WatchState =
  | { readonly at: "empty" }
  | { readonly at: "listing"; readonly continueToken: string }
  | { readonly at: "listed"; readonly resourceVersion: string; readonly failures: number }
  | {
      readonly at: "watching";
      readonly resourceVersion: string;
      readonly failures: number;
      readonly stream: Readable;
      readonly lines: AsyncGenerator<string[], void, void>;
      /** Whether this connection has brought a line yet. */
      readonly heard: boolean;
    };

export interface WatchOutcome {
  readonly next: WatchState;
  readonly events: readonly SourceEvent[];
  /** Set: something failed in this step; wait (back-off) before the next one. */
  readonly fault: WatchFault | undefined;
}

export interface WatchFault {
  readonly phase: "list" | "open" | "watch";
  readonly error: MeshError;
  /** Expected in normal operation: not worth a warning. */
  readonly routine: boolean;
}

export interface WatchDependencies {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly resource: ResourceRef;
  readonly signal: AbortSignal;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Only the objects' metadata: they then have no spec and no status, and cost little. */
  readonly metadataOnly?: boolean | undefined;
}

const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const METADATA_WATCH = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

const PAGE_ITEMS = 500;
/** The server ends a watch after this long; client-go asks for 5 to 10 minutes. */
export const SERVER_TIMEOUT_SECONDS = 290;
/** A connection that is silent for longer than the server's own limit and this margin is dead. */
export const SILENCE_MARGIN_MS = 10_000;
/** Failures to make progress from one version after which it is given up and everything listed again. */
const FAILURES_MAX = 3;

export async function watchStep(dependencies: WatchDependencies, state: WatchState): Promise<WatchOutcome> {
  switch (state.at) {
    case "empty":
      return { next: { at: "listing", continueToken: "" }, events: [{ type: "init" }], fault: undefined };
    case "listing":
      return listPage(dependencies, state.continueToken);
    case "listed":
      return openWatch(dependencies, state);
    case "watching":
      return readBatch(dependencies, state);
  }
}

async function listPage(dependencies: WatchDependencies, continueToken: string): Promise<WatchOutcome> {
  const { client, resource, namespace, labelSelector, metadataOnly, signal } = dependencies;
  let list: KubeList;
  try {
    list = await client.request<KubeList>("GET", resourcePath(resource, namespace), {
      query: { limit: PAGE_ITEMS, continue: continueToken || undefined, labelSelector },
      ...(metadataOnly && { accept: METADATA_LIST }),
      signal,
    });
  } catch (caught) {
    const error = toMeshError(caught, listFallback(resource));
    // A page token that expired makes what was listed so far worthless; anything else may pass by itself.
    const next: WatchState = isGone(error) ? { at: "empty" } : { at: "listing", continueToken };
    return { next, events: [], fault: { phase: "list", error, routine: isGone(error) } };
  }
  const apiVersion = apiVersionOf(resource);
  const events: SourceEvent[] = list.items.map((item) => ({
    type: "init-apply",
    // Items of a list carry neither.
    object: { ...item, apiVersion, kind: resource.kind },
  }));
  const token = list.metadata.continue ?? "";
  if (token !== "") return { next: { at: "listing", continueToken: token }, events, fault: undefined };
  events.push({ type: "init-done" });
  return {
    next: { at: "listed", resourceVersion: list.metadata.resourceVersion, failures: 0 },
    events,
    fault: undefined,
  };
}

async function openWatch(
  dependencies: WatchDependencies,
  state: WatchState & { at: "listed" },
): Promise<WatchOutcome> {
  const { client, resource, namespace, labelSelector, metadataOnly, signal } = dependencies;
  try {
    const stream = await client.stream(resourcePath(resource, namespace), {
      query: {
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion: state.resourceVersion,
        timeoutSeconds: SERVER_TIMEOUT_SECONDS,
        labelSelector,
      },
      ...(metadataOnly && { accept: METADATA_WATCH }),
      signal,
    });
    const { resourceVersion, failures } = state;
    const next: WatchState = {
      at: "watching",
      resourceVersion,
      failures,
      stream,
      lines: readLines(stream),
      heard: false,
    };
    return { next, events: [], fault: undefined };
  } catch (caught) {
    return resume(state, "open", toMeshError(caught, listFallback(resource)), []);
  }
}

async function readBatch(
  dependencies: WatchDependencies,
  state: WatchState & { at: "watching" },
): Promise<WatchOutcome> {
  const { resource } = dependencies;
  let lines: readonly string[];
  try {
    const batch = await nextBatch(dependencies, state);
    if (batch === undefined) {
      // The server's timeout. Without a single line it may also be one that ends every watch at once: then not in a tight loop.
      if (state.heard) {
        return {
          next: { at: "listed", resourceVersion: state.resourceVersion, failures: 0 },
          events: [],
          fault: undefined,
        };
      }
      const error = watchError(resource, "KUBE_WATCH_CLOSED", "the server closed it without an event");
      return {
        ...resume({ ...state, failures: 0 }, "watch", error, []),
        fault: { phase: "watch", error, routine: true },
      };
    }
    lines = batch;
  } catch (caught) {
    state.stream.destroy();
    const error =
      caught instanceof MeshError
        ? caught
        : watchError(
            resource,
            "KUBE_WATCH_CUT",
            `the connection broke: ${(caught as Error).message}`,
            caught,
          );
    return resume(state, "watch", error, []);
  }
  return readBatchLines(resource, state, lines);
}

/** Lines to events; stops at the first that is an error or malformed, and resumes from the version before it. */
function readBatchLines(
  resource: ResourceRef,
  state: WatchState & { at: "watching" },
  lines: readonly string[],
): WatchOutcome {
  const events: SourceEvent[] = [];
  let resourceVersion = state.resourceVersion;
  let failures = state.failures;
  for (const line of lines) {
    const parsed = tryParseLine(line);
    if (parsed === undefined || parsed.type === "ERROR") {
      state.stream.destroy();
      const error =
        parsed === undefined
          ? watchError(resource, "KUBE_WATCH_MALFORMED", `a line is no watch event: ${line.slice(0, 100)}`)
          : statusEventError(resource, parsed.object as unknown as KubeStatus);
      return resume({ resourceVersion, failures }, "watch", error, events);
    }
    const version = parsed.object.metadata.resourceVersion;
    if (version !== undefined) resourceVersion = version;
    failures = 0;
    if (parsed.type !== "BOOKMARK") {
      events.push({ type: parsed.type === "DELETED" ? "delete" : "apply", object: parsed.object });
    }
  }
  return { next: { ...state, resourceVersion, failures, heard: true }, events, fault: undefined };
}

/** The next batch, undefined at the end. @throws MeshError `KUBE_WATCH_SILENT`, and whatever the socket throws */
async function nextBatch(
  { clock, resource }: WatchDependencies,
  state: WatchState & { at: "watching" },
): Promise<string[] | undefined> {
  const limitMs = SERVER_TIMEOUT_SECONDS * 1000 + SILENCE_MARGIN_MS;
  const timer = clock.schedule(limitMs, () => {
    state.stream.destroy(
      watchError(resource, "KUBE_WATCH_SILENT", `nothing was heard for ${limitMs / 1000}s`),
    );
  });
  try {
    const { value, done } = await state.lines.next();
    return done ? undefined : value;
  } finally {
    timer.cancel();
  }
}

/** After a fault: on from the same version, unless it is gone or has failed too often. */
function resume(
  from: { readonly resourceVersion: string; readonly failures: number },
  phase: WatchFault["phase"],
  error: MeshError,
  events: readonly SourceEvent[],
): WatchOutcome {
  const failures = from.failures + 1;
  const gone = isGone(error);
  // An unreachable server says nothing about the version; relisting would only add load when it is back.
  const isServerFault = error.code === "KUBE_UNREACHABLE" || error.code === "KUBE_TIMEOUT";
  const next: WatchState =
    gone || (failures >= FAILURES_MAX && !isServerFault)
      ? { at: "empty" }
      : { at: "listed", resourceVersion: from.resourceVersion, failures };
  return { next, events, fault: { phase, error, routine: gone } };
}

function isGone(error: MeshError): boolean {
  return (
    error.cause instanceof KubeStatusError && (error.cause.status === 410 || error.cause.reason === "Expired")
  );
}

interface WatchLine {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject;
}

const TYPES: ReadonlySet<unknown> = new Set(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]);

function tryParseLine(line: string): WatchLine | undefined {
  try {
    const value = JSON.parse(line) as Partial<WatchLine> | null;
    if (!value || !TYPES.has(value.type) || typeof value.object !== "object" || value.object === null)
      return undefined;
    if (value.type !== "ERROR" && typeof value.object.metadata !== "object") return undefined;
    return value as WatchLine;
  } catch {
    // The caller reports the line.
    return undefined;
  }
}

function statusEventError(resource: ResourceRef, status: KubeStatus): MeshError {
  const code = status.code ?? 500;
  const message = status.message ?? "the server sent an error without a message";
  return watchError(resource, "KUBE_WATCH_ERROR", message, new KubeStatusError(code, message, status));
}

function watchError(resource: ResourceRef, code: string, problem: string, cause?: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code,
    message: `watch of ${resource.plural}: ${problem}`,
    hint: "it goes on by itself; if this repeats, look at the API server's log",
    cause,
  });
}

function listFallback(resource: ResourceRef) {
  return {
    kind: "environment" as const,
    code: "KUBE_STATUS",
    message: `list of ${resource.plural} could not be read`,
  };
}
