import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { mergeTrees, parseSet } from "../../../src/values/merge.ts";
import { validateValues } from "../../../src/values/validate.ts";

function problemsOf(set: string): string {
  try {
    validateValues(mergeTrees(defaultValues("1"), parseSet(set, false)));
  } catch (error) {
    assert.ok(error instanceof MeshError && error.code === "VALUES_INVALID", String(error));
    return error.message;
  }
  return "";
}

test("the defaults are valid", () => {
  assert.deepEqual(validateValues(defaultValues("1.2.3")), defaultValues("1.2.3"));
});

const WRONG: readonly (readonly [set: string, key: string, said: string])[] = [
  ["image.name=bad name", "image.name", "bad name"],
  ["image.version=a b", "image.version", "a b"],
  ["image.pullPolicy=Sometimes", "image.pullPolicy", "Always, IfNotPresent, Never"],
  ["controllerLogLevel=loud", "controllerLogLevel", "loud"],
  ["proxy.logLevel=", "proxy.logLevel", "log level"],
  ["identityTrustDomain=Not_DNS", "identityTrustDomain", "Not_DNS"],
  ["clusterNetworks=10.0.0.0/8\\,300.0.0.0/8", "clusterNetworks", "300.0.0.0/8"],
  ["proxy.resources.cpu.request=lots", "proxy.resources.cpu.request", "lots"],
  [
    "proxy.resources.memory.request=2Gi,proxy.resources.memory.limit=1Gi",
    "proxy.resources.memory.limit",
    "less than the request",
  ],
  ["proxyInit.ignoreInboundPorts=80-70", "proxyInit.ignoreInboundPorts", "80-70"],
  ["proxy.opaquePorts=99999", "proxy.opaquePorts", "99999"],
  ["proxy.defaultInboundPolicy=maybe", "proxy.defaultInboundPolicy", "maybe"],
  ["proxy.ports.admin=0", "proxy.ports.admin", "0"],
  ["proxy.inboundConnectTimeout=soon", "proxy.inboundConnectTimeout", "soon"],
  ["proxy.uid=text", "proxy.uid", "expected a number"],
  ["proxy.await=maybe", "proxy.await", "expected a boolean"],
  ["proxy.logLevl=x", "proxy.logLevl", "did you mean logLevel?"],
  ["controllerReplicas=0", "controllerReplicas", "at least 1"],
];

for (const [set, key, said] of WRONG) {
  test(`--set ${set} is refused with the key and the value`, () => {
    const message = problemsOf(set);
    assert.ok(message.includes(key), message);
    assert.ok(message.includes(said), message);
  });
}

test("all problems are told at once", () => {
  const message = problemsOf("proxy.ports.admin=70000,clusterDomain=-");
  assert.match(message, /2 values are wrong/);
  assert.match(message, /proxy\.ports\.admin/);
  assert.match(message, /clusterDomain/);
});

test("a number where text belongs becomes text", () => {
  const values = validateValues(
    mergeTrees(defaultValues("1"), parseSet("proxy.resources.cpu.limit=2", false)),
  );
  assert.equal(values.proxy.resources.cpu.limit, "2");
});
