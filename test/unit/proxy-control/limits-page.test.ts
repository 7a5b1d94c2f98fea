import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../../", import.meta.url);

test("docs/limits.md names tests that exist, for every limit", () => {
  const page = readFileSync(new URL("docs/limits.md", ROOT), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("|") && !/^\|( limit|---)/.test(line));
  assert.ok(rows.length > 20, "no rows found: the search is broken");
  const sources = readdirSync(new URL("test/", ROOT), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => readFileSync(new URL(`test/${path}`, ROOT), "utf8"))
    .join("\n");
  const named = rows.map((row) =>
    [
      ...row
        .split("|")
        .at(-2)!
        .matchAll(/"([^"]+)"/g),
    ].map(([, name]) => name!),
  );
  const unknown = named.flat().filter((name) => !sources.includes(`"${name}"`));
  assert.deepEqual(unknown, []);
  assert.deepEqual(
    rows.filter((_row, index) => named[index]!.length === 0),
    [],
  );
});
