import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { parseTree, valuesFromYaml, valuesToYaml } from "../../../src/values/yaml.ts";

test("values survive being written and read", () => {
  const values = { ...defaultValues("1.2.3"), identityTrustAnchorsPem: "-----BEGIN\nabc\n-----END\n" };
  assert.deepEqual(valuesFromYaml(valuesToYaml(values), "test"), values);
});

test("stored values of an older version get this version's defaults", () => {
  const values = valuesFromYaml("meshctlVersion: 0.0.1\nproxy:\n  logLevel: debug\n", "test");
  assert.equal(values.proxy.logLevel, "debug");
  assert.equal(values.proxy.image.version, "0.0.1");
  assert.equal(values.proxy.ports.inbound, 4143);
});

test("stored values of a newer version are read without what is unknown", () => {
  assert.equal(valuesFromYaml("futureThing: {a: 1}\nproxy: {alsoNew: 2}\n", "test").namespace, "meshctl");
});

test("broken YAML names source, line and column", () => {
  assert.throws(
    () => parseTree("a: 1\nb: [\n", "my.yaml"),
    (error) =>
      error instanceof MeshError &&
      error.code === "VALUES_BAD_YAML" &&
      /^my\.yaml:\d+:\d+ /.test(error.message),
  );
});

test("a list is no map of values", () => {
  assert.throws(() => parseTree("- a\n", "my.yaml"), /my\.yaml holds a list/);
});
