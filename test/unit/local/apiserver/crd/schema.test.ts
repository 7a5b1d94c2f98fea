import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompiledCrd, Schema } from "../../../../../src/local/apiserver/crd/compiled-crd.ts";
import { applyCustomDefaults, pruneCustom } from "../../../../../src/local/apiserver/crd/prune.ts";
import { validateSchema } from "../../../../../src/local/apiserver/crd/validate.ts";
import type { StatusCause } from "../../../../../src/local/apiserver/status.ts";

const schema: Schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      properties: {
        size: { type: "integer", minimum: 1 },
        mode: { type: "string", enum: ["a", "b"], default: "a" },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        map: {
          type: "object",
          additionalProperties: { type: "object", properties: { x: { type: "string" } } },
        },
        port: { "x-kubernetes-int-or-string": true },
        choice: {
          type: "object",
          properties: { a: {}, b: {} },
          oneOf: [{ required: ["a"] }, { required: ["b"] }],
        },
      },
    },
  },
};
const crd: CompiledCrd = { name: "w", schema, columns: [], selectableFields: [], scale: undefined };
const widget = (spec: unknown) => ({ apiVersion: "e/v1", kind: "W", metadata: { name: "w" }, spec });

test("pruning drops what the schema does not have and keeps what it leaves open", () => {
  const unknown: string[] = [];
  const pruned = pruneCustom(
    crd,
    { ...widget({ size: 1, foo: 2, free: { any: [1] }, map: { k: { x: "1", y: 2 } } }), other: true },
    unknown,
  );
  assert.deepEqual(pruned, widget({ size: 1, free: { any: [1] }, map: { k: { x: "1" } } }));
  assert.deepEqual(unknown.sort(), ["other", "spec.foo", "spec.map.k.y"]);
});

test("defaults fill what is missing, and only there", () => {
  assert.equal(applyCustomDefaults(crd, widget({ size: 1 })).spec.mode, "a");
  assert.equal(applyCustomDefaults(crd, widget({ size: 1, mode: "b" })).spec.mode, "b");
  assert.equal(applyCustomDefaults(crd, widget({ size: 1, mode: null })).spec.mode, "a");
});

const cases: [name: string, spec: unknown, reasons: string[]][] = [
  ["a good object", { size: 1, mode: "b", port: "http" }, []],
  ["a missing field", {}, ["spec.size FieldValueRequired"]],
  ["a wrong type", { size: "1" }, ["spec.size FieldValueTypeInvalid"]],
  ["a fraction for an integer", { size: 1.5 }, ["spec.size FieldValueTypeInvalid"]],
  ["a value below the minimum", { size: 0 }, ["spec.size FieldValueInvalid"]],
  ["a value that is not listed", { size: 1, mode: "c" }, ["spec.mode FieldValueNotSupported"]],
  ["int-or-string given a list", { size: 1, port: [] }, ["spec.port FieldValueTypeInvalid"]],
  ["oneOf met twice", { size: 1, choice: { a: 1, b: 1 } }, ["spec.choice FieldValueInvalid"]],
  ["a null that may not be", { size: null }, ["spec.size FieldValueTypeInvalid"]],
];

for (const [name, spec, reasons] of cases) {
  test(`structural schema: ${name} gives ${reasons.join(", ") || "nothing"}`, () => {
    const causes: StatusCause[] = [];
    validateSchema(schema, { spec }, "", causes);
    assert.deepEqual(
      causes.map((cause) => `${cause.field} ${cause.reason}`),
      reasons,
    );
  });
}
