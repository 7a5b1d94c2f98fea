import assert from "node:assert/strict";
import { test } from "node:test";
import { SeenRoutes } from "../../../../src/install/profile/from-requests.ts";

test("each method and path is a route once, sorted, without queries and the root", () => {
  const seen = new SeenRoutes(10);
  for (const [method, path] of [
    ["POST", "/b"],
    ["GET", "/b?x=1"],
    ["GET", "/b?x=2"],
    ["GET", "/"],
    ["GET", "/?x"],
    ["GET", "/a.json"],
  ] as const) {
    seen.add(method, path);
  }
  assert.deepEqual(seen.routes(), [
    { name: "GET /a.json", condition: { method: "GET", pathRegex: "/a\\.json" } },
    { name: "GET /b", condition: { method: "GET", pathRegex: "/b" } },
    { name: "POST /b", condition: { method: "POST", pathRegex: "/b" } },
  ]);
});

test("routes beyond the limit are left out", () => {
  const seen = new SeenRoutes(2);
  for (const path of ["/1", "/2", "/3"]) seen.add("GET", path);
  assert.equal(seen.isFull, true);
  assert.deepEqual(
    seen.routes().map(({ name }) => name),
    ["GET /1", "GET /2"],
  );
});
