import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { MeshError } from "../../../src/base/error.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { generateIssuer } from "../../../src/install/credentials.ts";
import { CONTROL_PLANE_FILES, CRD_FILES } from "../../../src/install/manifests.ts";
import { planInstall } from "../../../src/install/plan-install.ts";
import { printObjects } from "../../../src/install/print-objects.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { valuesFromYaml } from "../../../src/values/yaml.ts";

const NOW = Date.UTC(2026, 0, 2);
const DAY = 86_400_000;
const VALUES = defaultValues("1.2.3");

function find(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found;
}

const decode = (text: string) => Buffer.from(text, "base64").toString();

test("every manifest file is listed", () => {
  for (const [folder, listed] of [
    ["crds", CRD_FILES],
    ["control-plane", CONTROL_PLANE_FILES],
  ] as const) {
    const files = readdirSync(fileURLToPath(new URL(`../../../manifests/${folder}/`, import.meta.url)));
    assert.deepEqual(files.map((file) => `${folder}/${file}`).sort(), [...listed].sort());
  }
});

test("definitions come first, then the namespace, then what is in it, then the webhook", async () => {
  const objects = await planInstall({ values: VALUES, parts: "all", nowMs: NOW });
  const kinds = objects.map((object) => object.kind);
  const crds = kinds.lastIndexOf("CustomResourceDefinition");
  assert.equal(kinds.indexOf("Namespace"), crds + 1);
  assert.deepEqual(kinds.slice(-2), ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]);
  assert.ok(kinds.indexOf("Secret") < kinds.indexOf("Deployment"));
});

test("an installation has no custom resource of its own and needs no Gateway API", async () => {
  const objects = await planInstall({ values: VALUES, parts: "all", nowMs: NOW });
  for (const object of objects) assert.doesNotMatch(object.apiVersion, /meshctl\.io|gateway/);
});

test("both halves make the whole", async () => {
  const names = async (parts: "all" | "crds" | "control-plane") =>
    (await planInstall({ values: VALUES, parts, nowMs: NOW })).map(
      (object) => `${object.kind}/${object.metadata.name}`,
    );
  assert.deepEqual(await names("all"), [...(await names("crds")), ...(await names("control-plane"))]);
});

test("the generated authority is anchor and issuer in one: ECDSA P-256, a CA, named after trust domain, valid for a year", async () => {
  const objects = await planInstall({
    values: { ...VALUES, identityTrustDomain: "td.example" },
    parts: "control-plane",
    nowMs: NOW,
  });
  const anchors: string = find(objects, "ConfigMap", "meshctl-identity-trust-roots").data["ca-bundle.crt"];
  const { data } = find(objects, "Secret", "meshctl-identity-issuer") as unknown as {
    data: Record<string, string>;
  };
  assert.equal(decode(data["crt.pem"]!), anchors);
  const certificate = new X509Certificate(anchors);
  assert.equal(certificate.subject, "CN=identity.meshctl.td.example");
  assert.equal(certificate.ca, true);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  assert.ok(certificate.checkPrivateKey(createPrivateKey(decode(data["key.pem"]!))));
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(Date.parse(certificate.validFrom) < NOW);
  assert.ok(Math.abs(Date.parse(certificate.validTo) - (NOW + 365 * DAY)) < 60_000);
});

test("the webhook's certificate is for its Service, signs nothing else, and is what the API server trusts", async () => {
  const objects = await planInstall({
    values: { ...VALUES, namespace: "mesh2" },
    parts: "control-plane",
    nowMs: NOW,
  });
  const secret = find(objects, "Secret", "meshctl-injector-k8s-tls");
  const certificate = new X509Certificate(decode(secret.data["tls.crt"]));
  assert.equal(certificate.checkHost("meshctl-injector.mesh2.svc"), "meshctl-injector.mesh2.svc");
  assert.equal(certificate.ca, false);
  for (const [kind, name] of [
    ["MutatingWebhookConfiguration", "meshctl-mesh2-injector-webhook-config"],
    ["ValidatingWebhookConfiguration", "meshctl-mesh2-policy-validator-webhook-config"],
  ] as const) {
    const [hook] = find(objects, kind, name).webhooks;
    assert.equal(decode(hook.clientConfig.caBundle), decode(secret.data["tls.crt"]));
    assert.equal(hook.clientConfig.service.namespace, "mesh2");
  }
});

test("the stored values have no private key, and say the trust domain outright", async () => {
  const objects = await planInstall({ values: VALUES, parts: "control-plane", nowMs: NOW });
  const text: string = find(objects, "ConfigMap", "meshctl-config").data.values;
  assert.doesNotMatch(text, /PRIVATE KEY/);
  const stored = valuesFromYaml(text, "test");
  assert.equal(stored.identityTrustDomain, "cluster.local");
  assert.match(stored.identityTrustAnchorsPem, /^-----BEGIN CERTIFICATE-----/);
});

test("another namespace leaves no object in the default one", async () => {
  const objects = await planInstall({
    values: { ...VALUES, namespace: "mesh2" },
    parts: "control-plane",
    nowMs: NOW,
  });
  for (const object of objects) {
    if (object.metadata.namespace !== undefined) assert.equal(object.metadata.namespace, "mesh2");
    for (const subject of object.subjects ?? []) assert.equal(subject.namespace, "mesh2");
    assert.equal(object.metadata.labels?.["meshctl.io/control-plane-ns"], "mesh2");
    assert.equal(object.metadata.annotations?.["meshctl.io/created-by"], "meshctl/cli 1.2.3");
  }
  const binding = find(objects, "ClusterRoleBinding", "meshctl-mesh2-controller");
  assert.equal(binding.roleRef.name, "meshctl-mesh2-controller");
});

test("containers fit the restricted Pod Security Standard", async () => {
  const objects = await planInstall({ values: VALUES, parts: "control-plane", nowMs: NOW });
  const deployments = objects.filter((object) => object.kind === "Deployment");
  assert.equal(deployments.length, 2);
  for (const { spec } of deployments) {
    const pod = spec.template.spec;
    assert.equal(pod.automountServiceAccountToken, false);
    for (const { securityContext } of pod.containers) {
      assert.equal(securityContext.allowPrivilegeEscalation, false);
      assert.equal(securityContext.runAsNonRoot, true);
      assert.equal(securityContext.readOnlyRootFilesystem, true);
      assert.deepEqual(securityContext.capabilities, { drop: ["ALL"] });
      assert.equal(securityContext.seccompProfile.type, "RuntimeDefault");
    }
  }
});

test("roles read, and write events, statuses and one lease, and nothing more; no wildcard", async () => {
  const objects = await planInstall({ values: VALUES, parts: "control-plane", nowMs: NOW });
  const allowed = (resource: string) =>
    ["tokenreviews", "events", "leases"].includes(resource) || resource.endsWith("/status");
  for (const role of objects.filter((object) => ["ClusterRole", "Role"].includes(object.kind))) {
    for (const rule of role.rules) {
      for (const list of [rule.apiGroups, rule.resources, rule.verbs]) assert.ok(!list.includes("*"));
      const writes = rule.verbs.filter((verb: string) => !["get", "list", "watch"].includes(verb));
      if (writes.length > 0) assert.ok(rule.resources.every(allowed), JSON.stringify(rule));
      assert.ok(!rule.resources.includes("secrets"));
    }
  }
});

test("an authority of the operator's own is used as given", async () => {
  const own = await generateIssuer("own.example", NOW);
  const identity = {
    trustAnchorsPem: own.certificatePem,
    issuerCertificatePem: own.certificatePem,
    issuerKeyPem: own.privateKeyPem,
  };
  const objects = await planInstall({ values: VALUES, parts: "control-plane", identity, nowMs: NOW });
  assert.equal(
    decode(find(objects, "Secret", "meshctl-identity-issuer").data["crt.pem"]),
    own.certificatePem,
  );
});

test("an issuer that could not sign is refused with its name and the reason", async () => {
  const own = await generateIssuer("own.example", NOW);
  const other = await generateIssuer("other.example", NOW);
  const good = {
    trustAnchorsPem: own.certificatePem,
    issuerCertificatePem: own.certificatePem,
    issuerKeyPem: own.privateKeyPem,
  };
  const cases = [
    [
      { ...good, issuerKeyPem: other.privateKeyPem },
      NOW,
      /"own\.example" does not belong to the given private key/,
    ],
    [
      { ...good, trustAnchorsPem: other.certificatePem },
      NOW,
      /"own\.example" was not issued by any of the trust anchors/,
    ],
    [good, NOW + 366 * DAY, /"own\.example" expired at 2027-01-02T/],
    [good, NOW - DAY, /"own\.example" is not valid before 2026-01-01T/],
    [{ ...good, issuerKeyPem: "nonsense" }, NOW, /issuer's key is no PEM private key/],
    [{ ...good, trustAnchorsPem: "nonsense" }, NOW, /trust anchors: no PEM certificate/],
  ] as const;
  for (const [identity, nowMs, message] of cases) {
    await assert.rejects(
      planInstall({ values: VALUES, parts: "control-plane", identity, nowMs }),
      (error) => error instanceof MeshError && error.code === "ISSUER_INVALID" && message.test(error.message),
      String(message),
    );
  }
});

test("an external issuer leaves its Secret to the operator", async () => {
  const own = await generateIssuer("own.example", NOW);
  const objects = await planInstall({
    values: VALUES,
    parts: "control-plane",
    externalTrustAnchorsPem: own.certificatePem,
    nowMs: NOW,
  });
  assert.ok(!objects.some((object) => object.metadata.name === "meshctl-identity-issuer"));
  assert.equal(
    find(objects, "ConfigMap", "meshctl-identity-trust-roots").data["ca-bundle.crt"],
    own.certificatePem,
  );
});

test("both formats read as the same objects", async () => {
  const objects = await planInstall({ values: VALUES, parts: "all", nowMs: NOW });
  const fromYaml = parseAllDocuments(printObjects(objects, "yaml")).map((document) => document.toJS());
  const fromJson = printObjects(objects, "json")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(fromYaml, objects);
  assert.deepEqual(fromJson, objects);
});
