import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MeshError } from "../../../src/base/error.ts";
import { parseManifest } from "../../../src/kube/manifest-documents.ts";
import { renderKubeTable } from "../../../src/local/render-table.ts";
import { threeWayMerge } from "../../../src/local/three-way-merge.ts";

describe("three-way merge", () => {
  const CASES: readonly {
    claim: string;
    last: object;
    now: object;
    live: object;
    patch: object | undefined;
  }[] = [
    {
      claim: "does nothing when the live object has what is written, and more",
      last: { a: 1, list: [{ x: 1 }] },
      now: { a: 1, list: [{ x: 1 }] },
      live: { a: 1, list: [{ x: 1, default: true }], status: {} },
      patch: undefined,
    },
    {
      claim: "sets what differs",
      last: { a: 1 },
      now: { a: 2, b: { c: 3 } },
      live: { a: 1 },
      patch: { a: 2, b: { c: 3 } },
    },
    {
      claim: "removes what was written and is no more",
      last: { a: 1, b: { c: 1, d: 2 } },
      now: { b: { d: 2 } },
      live: { a: 1, b: { c: 1, d: 2 } },
      patch: { a: null, b: { c: null } },
    },
    { claim: "leaves what others wrote", last: {}, now: { a: 1 }, live: { a: 1, b: 2 }, patch: undefined },
    {
      claim: "brings back what others changed",
      last: { a: 1 },
      now: { a: 1 },
      live: { a: 5 },
      patch: { a: 1 },
    },
    {
      claim: "replaces a list that lost an item",
      last: { l: [1, 2] },
      now: { l: [1] },
      live: { l: [1, 2] },
      patch: { l: [1] },
    },
    {
      claim: "replaces a list whose item lost a field",
      last: { l: [{ x: 1, y: 2 }] },
      now: { l: [{ x: 1 }] },
      live: { l: [{ x: 1, y: 2 }] },
      patch: { l: [{ x: 1 }] },
    },
    { claim: "does not remove what is gone already", last: { a: 1 }, now: {}, live: {}, patch: undefined },
    {
      claim: "takes an explicit null for absence",
      last: {},
      now: { a: null },
      live: { a: 1 },
      patch: { a: null },
    },
  ];
  for (const { claim, last, now, live, patch } of CASES) {
    test(claim, () => assert.deepEqual(threeWayMerge(last, now, live), patch));
  }
});

describe("manifest documents", () => {
  test("are read in order, Lists taken apart, empty ones skipped, each with its place", () => {
    const text =
      "# only a comment\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n";
    assert.deepEqual(
      parseManifest(text, "f.yaml").map(({ object, where }) => `${object.metadata.name}: ${where}`),
      ["a: f.yaml, document 1, line 3", "b: f.yaml, document 3, line 8, item 1"],
    );
  });
  test("a syntax error names file, document, line and column", () => {
    assert.throws(
      () => parseManifest("apiVersion: v1\n---\nkind: Pod\n  x: [", "f.yaml"),
      (error: MeshError) =>
        error.code === "MANIFEST_SYNTAX" && /^f\.yaml, document 2, line \d, column \d/.test(error.message),
    );
    assert.throws(() => parseManifest("a:\n\tb: c", "f"), {
      message: "f, document 1, line 2, column 1: Tabs are not allowed as indentation",
    });
  });
  test("what is no object says what it needs", () => {
    for (const text of ["just text", "kind: Pod", "apiVersion: v1\nkind: Pod", "[1]"]) {
      assert.throws(() => parseManifest(text, "f"), { code: "MANIFEST_NOT_AN_OBJECT" });
    }
  });
});

test("a server's table is padded, hides wide columns unless asked, and shows namespaces on request", () => {
  const table = {
    columnDefinitions: [{ name: "Name" }, { name: "Node", priority: 1 }, { name: "Age" }],
    rows: [
      { cells: ["web-1", "local", "5s"], object: { metadata: { namespace: "demo" } } },
      { cells: ["b", "local", "10m"], object: { metadata: { namespace: "d" } } },
    ],
  };
  assert.equal(
    renderKubeTable(table, { wide: false, withNamespace: false }),
    "NAME    AGE\nweb-1   5s\nb       10m\n",
  );
  assert.equal(
    renderKubeTable(table, { wide: true, withNamespace: true }),
    "NAMESPACE   NAME    NODE    AGE\ndemo        web-1   local   5s\nd           b       local   10m\n",
  );
});
