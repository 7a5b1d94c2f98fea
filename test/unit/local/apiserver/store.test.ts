import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { createStore, type Revision } from "../../../../src/local/apiserver/store.ts";

const BUCKET = "/configmaps";

function object(namespace: string, name: string, value: number): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace, name },
    data: { value: String(value) },
  };
}

const key = (each: KubeObject) => `${each.metadata.namespace}/${each.metadata.name}`;

/** What a client would hold that applies revisions to what it had. */
function replay(start: ReadonlyMap<string, string>, revisions: readonly Revision[]): Map<string, string> {
  const held = new Map(start);
  for (const { type, object: each } of revisions) {
    if (type === "DELETED") held.delete(key(each));
    else held.set(key(each), each.data.value);
  }
  return held;
}

const command = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    namespace: fc.constantFrom("a", "b"),
    name: fc.constantFrom("x", "y", "z"),
    value: fc.nat(9),
  }),
  fc.record({
    kind: fc.constant("remove" as const),
    namespace: fc.constantFrom("a", "b"),
    name: fc.constantFrom("x", "y", "z"),
  }),
);

test("store behaves as a map of maps whose every change is one version and one revision", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const store = createStore();
      const model = new Map<string, string>();
      const versions: Map<string, string>[] = [new Map()];
      const live: Revision[] = [];
      store.watch(BUCKET, 0, (revision) => live.push(revision));
      for (const each of commands) {
        const id = `${each.namespace}/${each.name}`;
        const had = model.has(id);
        const before = store.version;
        if (each.kind === "put") {
          const stored = store.put(BUCKET, object(each.namespace, each.name, each.value));
          model.set(id, String(each.value));
          assert.equal(stored.metadata.resourceVersion, String(before + 1));
          assert.equal(live.at(-1)!.type, had ? "MODIFIED" : "ADDED");
        } else {
          const removed = store.remove(BUCKET, each.namespace, each.name);
          assert.equal(removed !== undefined, had);
          model.delete(id);
        }
        assert.equal(store.version, before + (each.kind === "put" || had ? 1 : 0));
        if (store.version !== before) versions.push(new Map(model));
      }
      assert.deepEqual(store.list(BUCKET).map(key), [...model.keys()].sort());
      assert.equal(store.count(BUCKET), model.size);
      // A watch from any version ends where the store is.
      for (const [version, state] of versions.entries()) {
        const seen: Revision[] = [];
        store.watch(BUCKET, version, (revision) => seen.push(revision))();
        assert.deepEqual(replay(state, seen), new Map(model));
        assert.deepEqual(
          seen.map((revision) => revision.version),
          Array.from({ length: store.version - version }, (_, index) => version + 1 + index),
        );
      }
    }),
  );
});

test("watch is refused with 410 when the log no longer reaches back, and serves what it still holds", () => {
  const store = createStore({ revisionsMax: 4 });
  for (let value = 1; value <= 10; value++) store.put(BUCKET, object("a", "x", value));
  const expired = (since: number) => () => store.watch(BUCKET, since, () => {});
  const is410 = (error: Error) => (error.cause as { code: number }).code === 410;
  assert.throws(expired(1), is410);
  assert.throws(expired(11), is410, "a version from the future");
  const seen: number[] = [];
  store.watch(BUCKET, 8, (revision) => seen.push(revision.version));
  assert.deepEqual(seen, [9, 10]);
});

test("watch of a resource is not expired by changes of another", () => {
  const store = createStore({ revisionsMax: 2 });
  store.put(BUCKET, object("a", "x", 1));
  const since = store.version;
  for (let value = 0; value < 20; value++) store.put("/pods", object("a", "p", value));
  const seen: Revision[] = [];
  store.watch(BUCKET, since, (revision) => seen.push(revision));
  assert.deepEqual(seen, []);
});

test("stored objects are frozen, and encoded once", () => {
  const store = createStore();
  const stored = store.put(BUCKET, object("a", "x", 1));
  assert.throws(() => {
    stored.data.value = "2";
  }, TypeError);
  assert.equal(JSON.parse(store.encode(stored)).data.value, "1");
});
