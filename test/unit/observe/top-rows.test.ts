import assert from "node:assert/strict";
import { test } from "node:test";
import type { Exchange } from "../../../src/observe/exchange.ts";
import { viewExchange } from "../../../src/observe/exchange-view.ts";
import { TopTable } from "../../../src/observe/top-rows.ts";
import { buildExchange } from "./build-exchange.ts";

function ended(fields: Partial<Exchange>): { event: "closed"; exchange: Exchange } {
  return {
    event: "closed",
    exchange: { ...viewExchange(buildExchange()), closedUs: 1000, status: 200, ...fields },
  };
}

test("top merges requests with equal keys and keeps best, worst and last", () => {
  const table = new TopTable({ hideSources: false, routes: false });
  for (const closedUs of [500, 200, 900, 300]) table.add(ended({ closedUs }), "web-1", "books-1");
  table.add(ended({ closedUs: 100, status: 500 }), "web-1", "books-1");
  table.add(ended({ path: "/other?id=7" }), "web-1", "books-1");
  table.add({ ...ended({}), event: "responded" } as never, "web-1", "books-1");
  table.add(ended({ protocol: "opaque" }), "web-1", "books-1");
  const rows = table.rows();
  assert.deepEqual(
    rows.map(({ path, count, bestUs, worstUs, lastUs, successes }) => [
      path,
      count,
      bestUs,
      worstUs,
      lastUs,
      successes,
    ]),
    [
      ["/list", 5, 100, 900, 100, 4],
      ["/other", 1, 1000, 1000, 1000, 1],
    ],
  );
});

test("top without sources and by route has fewer rows", () => {
  const table = new TopTable({ hideSources: true, routes: true });
  table.add(ended({ path: "/a" }), "web-1", "books-1");
  table.add(ended({ path: "/b", route: "" }), "web-2", "books-1");
  assert.deepEqual(
    table.rows().map(({ source, route, path, count }) => [source, route, path, count]),
    [
      ["", "/default/default", "", 1],
      ["", "[DEFAULT]", "", 1],
    ],
  );
});

test("top sorts by count, by the worst time or by the lowest success rate", () => {
  const table = new TopTable({ hideSources: true, routes: false });
  table.add(ended({ path: "/often" }), "", "x");
  table.add(ended({ path: "/often" }), "", "x");
  table.add(ended({ path: "/slow", closedUs: 9000 }), "", "x");
  table.add(ended({ path: "/bad", status: 503 }), "", "x");
  assert.equal(table.rows("count")[0]!.path, "/often");
  assert.equal(table.rows("worst")[0]!.path, "/slow");
  assert.equal(table.rows("success")[0]!.path, "/bad");
});

test("top folds rows beyond its limit into one", () => {
  const table = new TopTable({ hideSources: true, routes: false });
  for (let id = 0; id < 1500; id++) table.add(ended({ path: `/item/${id}` }), "", "x");
  const rows = table.rows("count", "raw");
  assert.deepEqual([rows.length, rows[0]!.path, rows[0]!.count], [1001, "other", 500]);
});

test("top has one row for all ids in a path, and each path as it is beside", () => {
  const table = new TopTable({ hideSources: true, routes: false });
  for (const id of [1, 2, 3]) table.add(ended({ path: `/users/${id}?x=1` }), "", "x");
  const paths = (which: "raw" | "grouped") =>
    table.rows("count", which).map(({ path, count }) => [path, count]);
  assert.deepEqual(paths("grouped"), [["/users/:id", 3]]);
  assert.deepEqual(paths("raw"), [
    ["/users/1", 1],
    ["/users/2", 1],
    ["/users/3", 1],
  ]);
});

test("top keeps how many ended with each status, and the latest five", () => {
  const table = new TopTable({ hideSources: true, routes: false });
  for (let id = 1; id <= 7; id++) table.add(ended({ id, status: id === 7 ? 503 : 200 }), "", "x");
  const [row] = table.rows();
  assert.deepEqual(
    [...row!.statuses],
    [
      [200, 6],
      [503, 1],
    ],
  );
  assert.deepEqual(
    row!.recent.map(({ id }) => id),
    [3, 4, 5, 6, 7],
  );
});
