import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { declaredFamilies, renderPage } from "../../../../scripts/metrics-doc.ts";

test("docs/metrics.md has every family with its labels and buckets", () => {
  const page = readFileSync(new URL("../../../../docs/metrics.md", import.meta.url), "utf8");
  assert.equal(page, renderPage(page), "refresh it: node scripts/metrics-doc.ts --write");
  for (const { name } of declaredFamilies()) assert.ok(page.includes(`| \`${name}\` |`), name);
});
