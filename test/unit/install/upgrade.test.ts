import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { generateIssuer, type KeyPair } from "../../../src/install/credentials.ts";
import { valuesFromFlags } from "../../../src/install/install-flags.ts";
import type { IdentityFiles } from "../../../src/install/install-inputs.ts";
import { planInstall } from "../../../src/install/plan-install.ts";
import { planPrune } from "../../../src/install/plan-prune.ts";
import { planUpgrade, requireTrustedIssuer } from "../../../src/install/plan-upgrade.ts";
import { readerOfObjects, readStored } from "../../../src/install/stored.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { mergeTrees, type ValueTree } from "../../../src/values/merge.ts";
import { overridesOf } from "../../../src/values/overrides.ts";
import type { Values } from "../../../src/values/values.ts";
import { ObjectCluster } from "../../support/object-cluster.ts";

const NOW = Date.UTC(2026, 0, 2);
const DAY = 86_400_000;
const KEEP: IdentityFiles = { trustAnchorsPem: undefined, issuer: undefined };

const valuesOf = (options: Record<string, unknown>, stored: ValueTree = {}, version = "1.0.0") =>
  valuesFromFlags({
    version,
    namespace: "meshctl",
    options,
    given: new Set(Object.keys(options)),
    stored,
    readFile: async (name) => `text of ${name}`,
  });

/** What an upgrade of an installation prints. */
async function upgrade(
  installed: readonly KubeObject[],
  options: Record<string, unknown> = {},
  more: { readonly identity?: IdentityFiles; readonly nowMs?: number } = {},
): Promise<KubeObject[]> {
  const stored = await readStored(readerOfObjects(installed), "meshctl");
  const values = await valuesOf(options, stored.overrides, "2.0.0");
  return planUpgrade({
    values,
    parts: "control-plane",
    stored,
    identity: more.identity ?? KEEP,
    nowMs: more.nowMs ?? NOW,
  });
}

const install = (values: Values) => planInstall({ values, parts: "control-plane", nowMs: NOW });

function dataOf(objects: readonly KubeObject[], kind: string, name: string): Record<string, string> {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found.data;
}

const storedValues = (objects: readonly KubeObject[]) =>
  readStored(readerOfObjects(objects), "meshctl").then(({ values }) => values);

test("overrides are what differs from the defaults, and make the same values again", async () => {
  const values = await valuesOf({ ha: true, set: ["proxy.logLevel=debug", "clusterDomain=corp.local"] });
  const overrides = overridesOf(values);
  assert.deepEqual((overrides.proxy as ValueTree).logLevel, "debug");
  assert.equal("namespace" in overrides || "meshctlVersion" in overrides, false);
  assert.deepEqual(mergeTrees(defaultValues("1.0.0"), overrides), values);
  assert.deepEqual(overridesOf(defaultValues("1.0.0")), {});
});

test("an upgrade keeps choices and identity, and takes the new version's defaults for the rest", async () => {
  const installed = await install(
    await valuesOf({ set: ["proxy.logLevel=debug"], image: "registry.example/m" }),
  );
  const upgraded = await upgrade(installed, { controllerReplicas: 2 });
  const values = await storedValues(upgraded);
  assert.equal(values.proxy.logLevel, "debug");
  assert.equal(values.meshctlVersion, "2.0.0");
  assert.deepEqual([values.image.name, values.image.version], ["registry.example/m", "2.0.0"]);
  assert.equal(values.controllerReplicas, 2);
  for (const [kind, name] of [
    ["Secret", "meshctl-identity-issuer"],
    ["Secret", "meshctl-injector-k8s-tls"],
    ["ConfigMap", "meshctl-identity-trust-roots"],
  ] as const) {
    assert.deepEqual(dataOf(upgraded, kind, name), dataOf(installed, kind, name));
  }
});

test("an upgrade makes the webhook's certificate anew when it ends within 60 days", async () => {
  const installed = await install(defaultValues("1.0.0"));
  const before = dataOf(installed, "Secret", "meshctl-injector-k8s-tls")["tls.crt"];
  const certificateAfter = async (days: number) =>
    dataOf(await upgrade(installed, {}, { nowMs: NOW + days * DAY }), "Secret", "meshctl-injector-k8s-tls")[
      "tls.crt"
    ];
  assert.equal(await certificateAfter(300), before);
  assert.notEqual(await certificateAfter(320), before);
});

test("an installation without stored overrides keeps what differs from the defaults", async () => {
  const installed = await install(await valuesOf({ set: ["proxy.logLevel=debug"] }));
  const without = installed.filter(({ metadata }) => metadata.name !== "meshctl-config-overrides");
  const stored = await readStored(readerOfObjects(without), "meshctl");
  assert.equal(stored.hasOverrides, false);
  assert.equal((await storedValues(await upgrade(without))).proxy.logLevel, "debug");
});

test("a new issuer replaces the old one, and must be signed by the anchors", async () => {
  const installed = await install(defaultValues("1.0.0"));
  const other = await generateIssuer("identity.meshctl.cluster.local", NOW);
  const given = files(other);
  const both =
    dataOf(installed, "ConfigMap", "meshctl-identity-trust-roots")["ca-bundle.crt"] + other.certificatePem;
  const upgraded = await upgrade(installed, {}, { identity: { ...given, trustAnchorsPem: both } });
  const pem = Buffer.from(dataOf(upgraded, "Secret", "meshctl-identity-issuer")["crt.pem"]!, "base64");
  assert.equal(new X509Certificate(pem).serialNumber, new X509Certificate(other.certificatePem).serialNumber);
  await assert.rejects(upgrade(installed, {}, { identity: given }), { code: "ISSUER_INVALID" });
});

test("an external issuer stays external, and takes no files", async () => {
  const anchors = (await generateIssuer("corp", NOW)).certificatePem;
  const values = await valuesOf({ identityExternalIssuer: true });
  const installed = await planInstall({
    values,
    parts: "control-plane",
    externalTrustAnchorsPem: anchors,
    nowMs: NOW,
  });
  const upgraded = await upgrade(installed);
  assert.equal(
    upgraded.some(({ metadata }) => metadata.name === "meshctl-identity-issuer"),
    false,
  );
  const identity = files(await generateIssuer("other", NOW));
  await assert.rejects(upgrade(installed, {}, { identity }), { code: "UPGRADE_EXTERNAL_ISSUER" });
});

test("what an installation has lost has to be given", async () => {
  const installed = await install(defaultValues("1.0.0"));
  const without = (name: string) => installed.filter(({ metadata }) => metadata.name !== name);
  await assert.rejects(upgrade(without("meshctl-config")), { code: "UPGRADE_NOT_INSTALLED" });
  await assert.rejects(upgrade(without("meshctl-identity-issuer")), { code: "UPGRADE_NO_IDENTITY" });
  const rootless = without("meshctl-identity-trust-roots");
  await assert.rejects(upgrade(rootless), { code: "UPGRADE_NO_IDENTITY" });
  const issuer = await generateIssuer("new", NOW);
  await upgrade(rootless, {}, { identity: { ...files(issuer), trustAnchorsPem: issuer.certificatePem } });
});

test("pods with other anchors are named before an issuer is changed", async () => {
  const installed = await install(defaultValues("1.0.0"));
  const stored = await readStored(readerOfObjects(installed), "meshctl");
  const other = await generateIssuer("other", NOW);
  const cluster = new ObjectCluster([
    meshedPod("old", other.certificatePem),
    meshedPod("current", stored.anchorsPem!),
    meshedPod("both", stored.anchorsPem! + other.certificatePem),
  ]).client();
  await assert.rejects(
    requireTrustedIssuer(cluster, { stored, identity: KEEP }, "meshctl"),
    (error: unknown) =>
      error instanceof MeshError &&
      error.code === "UPGRADE_ISSUER_DISTRUSTED" &&
      error.message.endsWith("\n* demo/old"),
  );
  await assert.rejects(
    requireTrustedIssuer(cluster, { stored, identity: files(other) }, "meshctl"),
    /\* demo\/current$/,
  );
});

test("prune finds what an installation has no more, and nothing else", async () => {
  const installed = await planInstall({ values: await valuesOf({ ha: true }), parts: "all", nowMs: NOW });
  const single = await planInstall({ values: await valuesOf({}), parts: "all", nowMs: NOW });
  const cluster = new ObjectCluster(installed).client();
  assert.deepEqual(await planPrune(cluster, "meshctl", installed), []);
  assert.deepEqual(
    (await planPrune(cluster, "meshctl", single)).map(({ kind, metadata }) => `${kind}/${metadata.name}`),
    ["PodDisruptionBudget/meshctl-identity", "PodDisruptionBudget/meshctl-controller"],
  );
});

test("--set-file takes the text of a file, and wins over --set", async () => {
  const values = await valuesOf({ set: ["proxy.logLevel=x"], setFile: ["proxy.logLevel=level.txt"] });
  assert.equal(values.proxy.logLevel, "text of level.txt");
});

test("--ha is a start that flags may change", async () => {
  const values = await valuesOf({ ha: true, controllerReplicas: 5, set: ["webhookFailurePolicy=Ignore"] });
  assert.deepEqual(
    [values.highAvailability, values.controllerReplicas, values.webhookFailurePolicy],
    [true, 5, "Ignore"],
  );
});

function files(pair: KeyPair): IdentityFiles {
  return {
    trustAnchorsPem: undefined,
    issuer: { issuerCertificatePem: pair.certificatePem, issuerKeyPem: pair.privateKeyPem },
  };
}

function meshedPod(name: string, anchorsPem: string): KubeObject {
  const env = [{ name: "MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS", value: anchorsPem }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "demo", labels: { "meshctl.io/control-plane-ns": "meshctl" } },
    spec: { containers: [{ name: "meshctl-proxy", env }] },
  };
}
