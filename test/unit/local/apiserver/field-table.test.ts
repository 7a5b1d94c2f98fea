import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fieldTableFromModels, renderFieldTable } from "./field-table.ts";

const file = fileURLToPath(import.meta.resolve("../../../../src/local/apiserver/schema/field-table.ts"));

test("field table equals the models of client-node", async () => {
  const expected = renderFieldTable(await fieldTableFromModels());
  if (process.env.UPDATE_FIELD_TABLE === "1") writeFileSync(file, expected);
  assert.equal(readFileSync(file, "utf8"), expected);
});
