import assert from "node:assert/strict";
import { test } from "node:test";
import { renderVersions, renderVersionsJson } from "../../../src/cli/versions.ts";

for (const [name, versions, short, text] of [
  ["the client alone", { client: "1.0.0" }, false, "Client version: 1.0.0\n"],
  ["the bare client", { client: "1.0.0" }, true, "1.0.0\n"],
  ["both", { client: "1.0.0", server: "1.1.0" }, false, "Client version: 1.0.0\nServer version: 1.1.0\n"],
  [
    "an absent server",
    { client: "1.0.0", server: null },
    false,
    "Client version: 1.0.0\nServer version: unavailable\n",
  ],
  ["bare values", { client: "1.0.0", server: null }, true, "1.0.0\nunavailable\n"],
  [
    "proxies by version",
    { client: "1", server: "1", proxies: { b: 2, a: 1 } },
    false,
    "Client version: 1\nServer version: 1\nProxy versions:\n\ta (1 pod)\n\tb (2 pods)\n",
  ],
  [
    "proxies that cannot be counted",
    { client: "1", server: null, proxies: null },
    false,
    "Client version: 1\nServer version: unavailable\nProxy versions: unavailable\n",
  ],
] as const) {
  test(`renderVersions prints ${name}`, () => {
    assert.equal(renderVersions(versions, short), text);
  });
}

test("renderVersionsJson leaves out what was not asked for", () => {
  assert.deepEqual(JSON.parse(renderVersionsJson({ client: "1", server: null })), {
    client: "1",
    server: null,
  });
});
