import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { mergeTrees, parseSet, parseValuePath } from "../../../src/values/merge.ts";

test("--set reads numbers, booleans, null and text", () => {
  assert.deepEqual(parseSet("a.b=1,c=true,d=null,e=0755,f=x=y", false), {
    a: { b: 1 },
    c: true,
    d: null,
    e: "0755",
    f: "x=y",
  });
});

test("--set-string leaves everything text", () => {
  assert.deepEqual(parseSet("a=1,b=true", true), { a: "1", b: "true" });
});

test("a comma inside a value is escaped, or inside braces, which make a list", () => {
  assert.deepEqual(parseSet("a=x\\,y,b={1,two}", false), { a: "x,y", b: [1, "two"] });
});

test("a dot inside a key is escaped", () => {
  assert.deepEqual(parseValuePath("a\\.b.c"), ["a.b", "c"]);
});

test("an assignment without key or value is a usage error that shows it", () => {
  for (const text of ["novalue", "=x"]) {
    assert.throws(
      () => parseSet(text, false),
      (error) =>
        error instanceof MeshError && error.code === "VALUES_BAD_SET" && error.message.includes(text),
    );
  }
});

test("maps merge key by key, everything else is replaced", () => {
  const base = { a: { b: 1, c: [1, 2] }, d: "x" };
  assert.deepEqual(mergeTrees(base, { a: { c: [3] }, d: { e: 1 } }), { a: { b: 1, c: [3] }, d: { e: 1 } });
  assert.deepEqual(base, { a: { b: 1, c: [1, 2] }, d: "x" }, "the base is not changed");
});
