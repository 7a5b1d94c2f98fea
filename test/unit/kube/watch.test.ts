import assert from "node:assert/strict";
import { PassThrough, type Readable } from "node:stream";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import type { KubeClient, KubeList } from "../../../src/kube/client.ts";
import { KubeStatusError } from "../../../src/kube/status-error.ts";
import {
  SERVER_TIMEOUT_SECONDS,
  SILENCE_MARGIN_MS,
  type WatchDependencies,
  type WatchOutcome,
  type WatchState,
  watchStep,
} from "../../../src/kube/watch.ts";
import { FakeClock } from "../../support/clock.ts";

const PODS = { group: "", version: "v1", plural: "pods", kind: "Pod" };

/** A client that answers from two scripts, in order. */
function scripted(script: {
  readonly lists?: readonly (KubeList | MeshError)[];
  readonly streams?: readonly (Readable | MeshError)[];
}): WatchDependencies & { readonly clock: FakeClock; readonly queries: unknown[] } {
  const lists = [...(script.lists ?? [])];
  const streams = [...(script.streams ?? [])];
  const queries: unknown[] = [];
  const next = <T>(from: (T | MeshError)[]): T => {
    const value = from.shift();
    if (value === undefined) throw new Error("the script has ended");
    if (value instanceof MeshError) throw value;
    return value;
  };
  const client = {
    request: async (_method: string, _path: string, options: { query: unknown }) => {
      queries.push(options.query);
      return next(lists);
    },
    stream: async (_path: string, options: { query: unknown }) => {
      queries.push(options.query);
      return next(streams);
    },
  } as unknown as KubeClient;
  return { client, clock: new FakeClock(), resource: PODS, signal: new AbortController().signal, queries };
}

const pod = (name: string, resourceVersion: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "demo", resourceVersion },
});
const list = (resourceVersion: string, names: readonly string[], more?: string): KubeList => ({
  apiVersion: "v1",
  kind: "PodList",
  metadata: more === undefined ? { resourceVersion } : { resourceVersion, continue: more },
  items: names.map((name) => pod(name, resourceVersion)),
});
const gone = (): MeshError =>
  new MeshError({
    kind: "environment",
    code: "KUBE_STATUS",
    message: "gone",
    cause: new KubeStatusError(410, "too old resource version", undefined),
  });
const unreachable = (): MeshError =>
  new MeshError({ kind: "environment", code: "KUBE_UNREACHABLE", message: "refused" });

function lines(...events: readonly unknown[]): Readable {
  const stream = new PassThrough();
  for (const event of events) stream.write(typeof event === "string" ? event : `${JSON.stringify(event)}\n`);
  return stream;
}

const describe = (outcome: WatchOutcome) =>
  outcome.events.map((event) =>
    "object" in event ? `${event.type} ${event.object.metadata.name}` : event.type,
  );

async function watching(dependencies: WatchDependencies, resourceVersion = "5"): Promise<WatchState> {
  const { next } = await watchStep(dependencies, { at: "listed", resourceVersion, failures: 0 });
  assert.equal(next.at, "watching");
  return next;
}

test("watch lists in pages and says init-done after the last one", async () => {
  const dependencies = scripted({ lists: [list("7", ["a", "b"], "page2"), list("7", ["c"])] });
  const first = await watchStep(dependencies, { at: "empty" });
  assert.deepEqual(describe(first), ["init"]);
  const second = await watchStep(dependencies, first.next);
  assert.deepEqual(describe(second), ["init-apply a", "init-apply b"]);
  const third = await watchStep(dependencies, second.next);
  assert.deepEqual(describe(third), ["init-apply c", "init-done"]);
  assert.deepEqual(third.next, { at: "listed", resourceVersion: "7", failures: 0 });
  assert.equal((dependencies.queries[1] as { continue: string }).continue, "page2");
});

test("watch starts the list again when its page token has expired", async () => {
  const outcome = await watchStep(scripted({ lists: [gone()] }), { at: "listing", continueToken: "old" });
  assert.deepEqual(outcome.next, { at: "empty" });
  assert.equal(outcome.fault?.routine, true);
});

test("watch keeps its page when the server cannot be reached", async () => {
  const outcome = await watchStep(scripted({ lists: [unreachable()] }), {
    at: "listing",
    continueToken: "x",
  });
  assert.deepEqual(outcome.next, { at: "listing", continueToken: "x" });
  assert.equal(outcome.fault?.error.code, "KUBE_UNREACHABLE");
});

test("watch passes changes on and moves with bookmarks", async () => {
  const stream = lines(
    { type: "ADDED", object: pod("a", "6") },
    { type: "MODIFIED", object: pod("a", "7") },
    { type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } },
    { type: "DELETED", object: pod("a", "8") },
  );
  const dependencies = scripted({ streams: [stream] });
  let outcome = await watchStep(dependencies, await watching(dependencies));
  const seen = describe(outcome);
  while (seen.length < 3) {
    outcome = await watchStep(dependencies, outcome.next);
    seen.push(...describe(outcome));
  }
  assert.deepEqual(seen, ["apply a", "apply a", "delete a"]);
});

test("watch re-lists when the version it asks for is gone", async () => {
  const outcome = await watchStep(scripted({ streams: [gone()] }), {
    at: "listed",
    resourceVersion: "1",
    failures: 0,
  });
  assert.deepEqual(outcome.next, { at: "empty" });
});

test("watch re-lists when an ERROR event says 410", async () => {
  const error = {
    type: "ERROR",
    object: { kind: "Status", code: 410, reason: "Expired", message: "too old" },
  };
  const dependencies = scripted({ streams: [lines(error)] });
  const outcome = await watchStep(dependencies, await watching(dependencies));
  assert.deepEqual(outcome.next, { at: "empty" });
  assert.equal(outcome.fault?.error.code, "KUBE_WATCH_ERROR");
});

test("watch resumes from the last good version when a line is malformed", async () => {
  const dependencies = scripted({
    streams: [lines({ type: "ADDED", object: pod("a", "6") }, '{"type":"ADDED","obj\n')],
  });
  let state = await watching(dependencies);
  let fault: WatchOutcome["fault"];
  while (fault === undefined) ({ next: state, fault } = await watchStep(dependencies, state));
  assert.deepEqual(state, { at: "listed", resourceVersion: "6", failures: 1 });
  assert.equal(fault.error.code, "KUBE_WATCH_MALFORMED");
});

test("watch gives a version up after three failures in a row", async () => {
  const dependencies = scripted({ streams: [lines("nonsense\n"), lines("nonsense\n"), lines("nonsense\n")] });
  let state: WatchState = { at: "listed", resourceVersion: "6", failures: 0 };
  const faults: string[] = [];
  while (state.at !== "empty") {
    const outcome = await watchStep(dependencies, state);
    if (outcome.fault) faults.push(outcome.fault.error.code);
    state = outcome.next;
  }
  assert.deepEqual(faults, ["KUBE_WATCH_MALFORMED", "KUBE_WATCH_MALFORMED", "KUBE_WATCH_MALFORMED"]);
});

test("watch keeps its version however often the server cannot be reached", async () => {
  let state: WatchState = { at: "listed", resourceVersion: "6", failures: 0 };
  const dependencies = scripted({ streams: Array.from({ length: 6 }, unreachable) });
  for (let attempt = 0; attempt < 6; attempt++) state = (await watchStep(dependencies, state)).next;
  assert.deepEqual(state, { at: "listed", resourceVersion: "6", failures: 6 });
});

test("watch resumes when the socket breaks", async () => {
  const stream = new PassThrough();
  const dependencies = scripted({ streams: [stream] });
  const pending = watchStep(dependencies, await watching(dependencies));
  stream.destroy(Object.assign(new Error("reset"), { code: "ECONNRESET" }));
  const outcome = await pending;
  assert.deepEqual(outcome.next, { at: "listed", resourceVersion: "5", failures: 1 });
  assert.equal(outcome.fault?.error.code, "KUBE_WATCH_CUT");
});

test("watch ends a connection that is silent beyond the server's own limit", async () => {
  const stream = new PassThrough();
  const dependencies = scripted({ streams: [stream] });
  const pending = watchStep(dependencies, await watching(dependencies));
  dependencies.clock.advance(SERVER_TIMEOUT_SECONDS * 1000 + SILENCE_MARGIN_MS - 1);
  assert.equal(stream.destroyed, false);
  dependencies.clock.advance(1);
  const outcome = await pending;
  assert.equal(stream.destroyed, true);
  assert.equal(outcome.fault?.error.code, "KUBE_WATCH_SILENT");
  assert.deepEqual(outcome.next, { at: "listed", resourceVersion: "5", failures: 1 });
  assert.equal(dependencies.clock.pending, 0);
});

test("watch opens again at once when the server ends one that has spoken", async () => {
  const stream = lines({ type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } });
  (stream as PassThrough).end();
  const dependencies = scripted({ streams: [stream] });
  const first = await watchStep(dependencies, await watching(dependencies));
  const second = await watchStep(dependencies, first.next);
  assert.deepEqual(second, {
    next: { at: "listed", resourceVersion: "9", failures: 0 },
    events: [],
    fault: undefined,
  });
});
