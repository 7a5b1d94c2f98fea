import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../../../src/kube/store.ts";

const object = (name: string, resourceVersion: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "demo", uid: name, resourceVersion },
});

function recorded() {
  const told: string[] = [];
  const store = new Store({
    apply: (applied) => told.push(`apply ${applied.metadata.name}@${applied.metadata.resourceVersion}`),
    delete: (deleted) => told.push(`delete ${deleted.metadata.name}`),
  });
  return { store, told };
}

test("store keeps old objects until init-done when re-listing", () => {
  const { store, told } = recorded();
  store.handle({ type: "init" });
  store.handle({ type: "init-apply", object: object("a", "1") });
  store.handle({ type: "init-apply", object: object("b", "1") });
  assert.equal(store.size, 0);
  assert.equal(store.isReady, false);
  store.handle({ type: "init-done" });
  assert.equal(store.isReady, true);
  told.length = 0;

  store.handle({ type: "init" });
  store.handle({ type: "init-apply", object: object("b", "2") });
  assert.equal(store.size, 2);
  store.handle({ type: "init-done" });
  assert.deepEqual(told, ["delete a", "apply b@2"]);
  assert.equal(store.get("demo", "a"), undefined);
});

test("store tells nothing about an object whose version it holds", () => {
  const { store, told } = recorded();
  store.handle({ type: "init" });
  store.handle({ type: "init-apply", object: object("a", "1") });
  store.handle({ type: "init-done" });
  store.handle({ type: "apply", object: object("a", "1") });
  store.handle({ type: "apply", object: object("a", "2") });
  assert.deepEqual(told, ["apply a@1", "apply a@2"]);
});

test("store drops a half-made list when a new one begins", () => {
  const { store, told } = recorded();
  store.handle({ type: "init" });
  store.handle({ type: "init-apply", object: object("ghost", "1") });
  store.handle({ type: "init" });
  store.handle({ type: "init-done" });
  assert.deepEqual(told, []);
  assert.equal(store.size, 0);
});

test("store ignores the deletion of what it does not hold", () => {
  const { store, told } = recorded();
  store.handle({ type: "delete", object: object("a", "1") });
  assert.deepEqual(told, []);
});
