import assert from "node:assert/strict";
import { test } from "node:test";
import { applyJsonPatch } from "../../../../../src/local/apiserver/patch/json-patch.ts";

const cases: [name: string, document: unknown, patch: unknown[], expected: unknown][] = [
  ["add sets a member", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
  ["add inserts into a list", { l: [1, 3] }, [{ op: "add", path: "/l/1", value: 2 }], { l: [1, 2, 3] }],
  ["add appends at -", { l: [1] }, [{ op: "add", path: "/l/-", value: 2 }], { l: [1, 2] }],
  ["add replaces what is there", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
  ["remove takes a member", { a: 1, b: 2 }, [{ op: "remove", path: "/a" }], { b: 2 }],
  ["remove takes an item", { l: [1, 2, 3] }, [{ op: "remove", path: "/l/0" }], { l: [2, 3] }],
  ["replace keeps the place", { l: [1, 2] }, [{ op: "replace", path: "/l/0", value: 9 }], { l: [9, 2] }],
  [
    "copy leaves the source",
    { a: { b: 1 } },
    [{ op: "copy", from: "/a", path: "/c" }],
    { a: { b: 1 }, c: { b: 1 } },
  ],
  ["move takes the source", { a: 1 }, [{ op: "move", from: "/a", path: "/b" }], { b: 1 }],
  ["test passes on equal values", { a: [1] }, [{ op: "test", path: "/a", value: [1] }], { a: [1] }],
  [
    "~1 is a slash, ~0 a tilde",
    { "a/b": 1, "c~d": 2 },
    [
      { op: "remove", path: "/a~1b" },
      { op: "remove", path: "/c~0d" },
    ],
    {},
  ],
];

for (const [name, document, patch, expected] of cases) {
  test(`json patch: ${name}`, () => {
    const before = structuredClone(document);
    assert.deepEqual(applyJsonPatch(document, patch), expected);
    assert.deepEqual(document, before, "the argument is left alone");
  });
}

test("json patch replaces a field that is not there, as Kubernetes does", () => {
  assert.deepEqual(applyJsonPatch({ a: 1 }, [{ op: "replace", path: "/x", value: 2 }]), { a: 1, x: 2 });
});

const refused: [name: string, patch: unknown, code: number][] = [
  ["a patch that is no array", { op: "add" }, 400],
  ["removing what is not there", [{ op: "remove", path: "/x" }], 422],
  ["replacing beyond a list", [{ op: "replace", path: "/l/1", value: 1 }], 422],
  ["an index beyond the list", [{ op: "add", path: "/l/5", value: 1 }], 422],
  ["a parent that is not there", [{ op: "add", path: "/x/y", value: 1 }], 422],
  ["a failed test", [{ op: "test", path: "/a", value: 2 }], 422],
  ["an unknown operation", [{ op: "merge", path: "/a" }], 400],
  ["the prototype", [{ op: "add", path: "/__proto__", value: { polluted: true } }], 422],
];

for (const [name, patch, code] of refused) {
  test(`json patch refuses ${name} with ${code}`, () => {
    assert.throws(
      () => applyJsonPatch({ a: 1, l: [1] }, patch),
      (error: Error) => (error.cause as { code: number }).code === code,
    );
  });
}
