import assert from "node:assert/strict";
import { test } from "node:test";
import { sanNames } from "../../../src/net/mesh-tls.ts";

for (const [text, names] of [
  [undefined, []],
  ["", []],
  ["DNS:a.b", ["a.b"]],
  ["DNS:a.b, URI:spiffe://c/d, DNS:e", ["a.b", "spiffe://c/d", "e"]],
  ["IP Address:1.2.3.4, DNS:a", ["a"]],
  ["email:x@y", []],
  // Node quotes a name that holds a comma: it must not become two.
  ['DNS:"evil, DNS:admin.demo", DNS:b', ["evil, DNS:admin.demo", "b"]],
] as const) {
  test(`names of ${JSON.stringify(text)} are ${JSON.stringify(names)}`, () => {
    assert.deepEqual(sanNames(text), names);
  });
}
