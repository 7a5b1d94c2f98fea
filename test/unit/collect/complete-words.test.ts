import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Completion,
  completeNames,
  flagInLine,
  readCompletion,
} from "../../../src/collect/complete-words.ts";
import { ObjectCluster } from "../../support/object-cluster.ts";

const names = (kind: string, prefix = "", without: readonly string[] = []): Completion => ({
  of: "names",
  kind,
  prefix,
  without,
});

const LINES: readonly (readonly [line: string, expected: Completion])[] = [
  ["stat ", undefined],
  ["stat de", undefined],
  ["stat deploy ", names("deploy")],
  ["stat deploy web a", names("deploy", "", ["web"])],
  ["stat deploy/", names("deploy", "deploy/")],
  ["stat web/", undefined],
  ["stat -n demo po ", names("po")],
  ["stat -n ", { of: "namespaces" }],
  ["stat deploy --to-namespace de", { of: "namespaces" }],
  ["--context ", { of: "contexts" }],
  // A namespace that is called like a kind is none.
  ["stat -n deploy ", undefined],
];

for (const [line, expected] of LINES) {
  test(`"${line}" is completed with ${expected ? JSON.stringify(expected) : "nothing of the cluster"}`, () => {
    assert.deepEqual(readCompletion(line.split(" ")), expected);
  });
}

test("flags are read in both spellings, not from the word that is being typed", () => {
  const namespace = (line: string) => flagInLine(line.split(" "), ["-n", "--namespace"]);
  assert.equal(namespace("stat deploy -n demo w"), "demo");
  assert.equal(namespace("stat --namespace=demo deploy w"), "demo");
  assert.equal(namespace("stat deploy -n demo"), undefined);
  assert.equal(namespace("stat deploy w"), undefined);
});

test("names come from the namespace, sorted, without those that the line has", async () => {
  const deployment = (name: string, namespace: string) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
  });
  const kube = new ObjectCluster([
    deployment("web", "demo"),
    deployment("api", "demo"),
    deployment("other", "elsewhere"),
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } },
  ]).client();
  const { signal } = new AbortController();
  const complete = (line: string) =>
    completeNames(kube, readCompletion(line.split(" ")) as never, "demo", signal);
  assert.deepEqual(await complete("stat deploy "), ["api", "web"]);
  assert.deepEqual(await complete("stat deploy web "), ["api"]);
  assert.deepEqual(await complete("stat deploy/"), ["deploy/api", "deploy/web"]);
  assert.deepEqual(await complete("stat -n "), ["demo"]);
});
