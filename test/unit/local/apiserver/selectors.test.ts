import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILT_IN_RESOURCES } from "../../../../src/local/apiserver/resources.ts";
import { parseFieldSelector, parseLabelSelector } from "../../../../src/local/apiserver/selectors.ts";

const pods = BUILT_IN_RESOURCES.find((each) => each.plural === "pods")!;
const withLabels = (labels: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { labels },
});

const cases: [selector: string, labels: Record<string, string>, matches: boolean][] = [
  ["a=b", { a: "b" }, true],
  ["a==b", { a: "c" }, false],
  ["a!=b", {}, true],
  ["a!=b", { a: "b" }, false],
  ["a in (b,c)", { a: "c" }, true],
  ["a in (b, c)", {}, false],
  ["a notin (b)", {}, true],
  ["a notin (b)", { a: "b" }, false],
  ["a", { a: "" }, true],
  ["!a", { a: "" }, false],
  ["a=b,c in (d,e),!f", { a: "b", c: "e" }, true],
  ["a=b,c in (d,e),!f", { a: "b", c: "e", f: "" }, false],
  ["x.io/y=z", { "x.io/y": "z" }, true],
  ["a=", { a: "" }, true],
];

for (const [selector, labels, matches] of cases) {
  test(`label selector "${selector}" ${matches ? "takes" : "leaves"} ${JSON.stringify(labels)}`, () => {
    assert.equal(parseLabelSelector(selector)(withLabels(labels)), matches);
  });
}

test("label selector that cannot be read is a bad request", () => {
  for (const bad of ["a in b", "a=b=c", "in (a)", "@@", "!-a", "_x=y", "UPPER.io/x", "a/b/c in (d)"])
    assert.throws(() => parseLabelSelector(bad), /unable to parse/);
});

test("field selector reads name, namespace and the resource's own fields, and refuses others", () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "demo" },
    status: { phase: "Running" },
  };
  assert.equal(parseFieldSelector(pods, "metadata.name=p,status.phase!=Failed")(pod), true);
  assert.equal(parseFieldSelector(pods, "metadata.namespace=other")(pod), false);
  assert.equal(parseFieldSelector(pods, "spec.nodeName=")(pod), true);
  assert.throws(() => parseFieldSelector(pods, "spec.foo=1"), /field label not supported: spec.foo/);
});
