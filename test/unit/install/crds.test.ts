import assert from "node:assert/strict";
import { test } from "node:test";
import { renderCrds } from "../../../src/install/render.ts";

const CRDS = renderCrds({ namespace: "meshctl", meshctlVersion: "1" });

/** What Kubernetes demands of a structural schema: a type everywhere, and nothing beside it that is not structural. */
// biome-ignore lint/suspicious/noExplicitAny: any schema
function checkStructural(schema: any, path: string): void {
  const typed =
    typeof schema.type === "string" ||
    schema["x-kubernetes-int-or-string"] === true ||
    schema["x-kubernetes-preserve-unknown-fields"] === true;
  assert.ok(typed, `${path} has no type`);
  assert.ok(
    !(schema.properties && schema.additionalProperties),
    `${path}: properties and additionalProperties exclude each other`,
  );
  for (const key of schema.required ?? [])
    assert.ok(schema.properties?.[key], `${path} requires ${key}, which it does not have`);
  for (const branch of schema.oneOf ?? []) {
    assert.ok(
      !branch.type && !branch.default && !branch.description,
      `${path}: a branch may not say more than conditions`,
    );
  }
  for (const [key, child] of Object.entries(schema.properties ?? {}))
    checkStructural(child, `${path}.${key}`);
  if (schema.items) checkStructural(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === "object")
    checkStructural(schema.additionalProperties, `${path}{}`);
  for (const key of schema["x-kubernetes-list-map-keys"] ?? []) {
    assert.ok(
      schema.items.required?.includes(key) || schema.items.properties[key].default !== undefined,
      `${path}: list key ${key} must be required`,
    );
  }
}

test("there are ten definitions, all of our groups", () => {
  assert.equal(CRDS.length, 10);
  for (const crd of CRDS) assert.match(crd.spec.group, /^(policy\.|workload\.)?meshctl\.io$/);
});

for (const crd of CRDS) {
  test(`${crd.metadata.name} has structural schemas and one storage version`, () => {
    const { spec } = crd;
    assert.equal(crd.metadata.name, `${spec.names.plural}.${spec.group}`);
    assert.equal(spec.versions.filter((version: { storage: boolean }) => version.storage).length, 1);
    for (const version of spec.versions) checkStructural(version.schema.openAPIV3Schema, version.name);
  });
}
