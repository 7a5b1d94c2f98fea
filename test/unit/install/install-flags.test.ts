import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { valuesFromFlags } from "../../../src/install/install-flags.ts";

function values(options: Record<string, unknown>, files: Record<string, string> = {}) {
  return valuesFromFlags({
    version: "1.2.3",
    namespace: "meshctl",
    options,
    given: new Set(Object.keys(options)),
    readFile: async (name) => files[name]!,
  });
}

test("later sources win: flags, then files in order, then --set, then --set-string", async () => {
  const files = { a: "proxy: {logLevel: a, accessLog: json, uid: 5}\n", b: "proxy: {logLevel: b}\n" };
  const flag = { proxyLogLevel: "flag", proxyUid: 4 };
  assert.equal((await values(flag)).proxy.logLevel, "flag");
  const withFiles = await values({ ...flag, values: ["a", "b"] }, files);
  assert.equal(withFiles.proxy.logLevel, "b");
  assert.equal(withFiles.proxy.uid, 5);
  assert.equal(
    (await values({ ...flag, values: ["a"], set: ["proxy.logLevel=s"] }, files)).proxy.logLevel,
    "s",
  );
  const last = await values(
    { ...flag, values: ["a"], set: ["proxy.logLevel=s"], setString: ["proxy.logLevel=1"] },
    files,
  );
  assert.equal(last.proxy.logLevel, "1");
});

const IMAGES: readonly (readonly [image: string, name: string, version: string])[] = [
  ["mesh:2", "mesh", "2"],
  ["mesh", "mesh", "1.2.3"],
  ["host:5000/a/mesh", "host:5000/a/mesh", "1.2.3"],
  ["host:5000/a/mesh:2", "host:5000/a/mesh", "2"],
  ["mesh@sha256:abc", "mesh@sha256:abc", ""],
];

for (const [image, name, version] of IMAGES) {
  test(`--image ${image} is name ${name}, tag "${version}", for control plane and proxies`, async () => {
    const { image: control, proxy } = await values({ image });
    assert.deepEqual([control.name, control.version], [name, version]);
    assert.deepEqual([proxy.image.name, proxy.image.version], [name, version]);
  });
}

test("durations and lists arrive in the syntax of values", async () => {
  const result = await values({ identityIssuanceLifetime: 90_000, skipInboundPorts: ["25", "80-90"] });
  assert.equal(result.identity.issuer.issuanceLifetime, "1m30s");
  assert.equal(result.proxyInit.ignoreInboundPorts, "25,80-90");
});

test("an empty image is a usage error", async () => {
  await assert.rejects(
    values({ image: ":1" }),
    (error) => error instanceof MeshError && error.code === "INSTALL_BAD_IMAGE",
  );
});

test("what suits the cluster beats the defaults, and loses to whatever the user says", async () => {
  const base = { version: "1.2.3", namespace: "meshctl", given: new Set(["set"]), readFile: async () => "" };
  const suited = { clusterNetworks: "127.0.0.0/8", proxy: { capture: "explicit" } };
  const plain = await valuesFromFlags({ ...base, options: {}, suited });
  assert.deepEqual([plain.clusterNetworks, plain.proxy.capture], ["127.0.0.0/8", "explicit"]);
  const told = await valuesFromFlags({ ...base, options: { set: ["proxy.capture=transparent"] }, suited });
  assert.deepEqual([told.clusterNetworks, told.proxy.capture], ["127.0.0.0/8", "transparent"]);
});
