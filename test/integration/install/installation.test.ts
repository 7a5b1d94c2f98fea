import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { command as check } from "../../../commands/check.ts";
import { command as inject } from "../../../commands/inject.ts";
import { command as install } from "../../../commands/install.ts";
import { command as uninstall } from "../../../commands/uninstall.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { registryOf, runLine } from "../../support/cli.ts";
import { startServer, type TestServer } from "../apiserver/support.ts";

const registry = registryOf([check, inject, install, uninstall]);

function meshctl(server: TestServer, line: string, stdin = "") {
  return runLine(registry, line.split(" "), { env: { KUBECONFIG: server.kubeconfigPath }, stdin });
}

function collectionOf(object: KubeObject): string {
  const base = object.apiVersion.includes("/") ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const namespace = object.metadata.namespace === undefined ? "" : `/namespaces/${object.metadata.namespace}`;
  const plural = object.kind.toLowerCase().replace(/y$/, "ie");
  return `${base}${namespace}/${plural}s`;
}

/** What `kubectl apply -f -` does with new objects, one after another. */
async function apply(server: TestServer, yaml: string): Promise<void> {
  for (const document of parseAllDocuments(yaml)) {
    const object = document.toJS() as KubeObject;
    const reply = await server.request("POST", collectionOf(object), object);
    assert.equal(reply.status, 201, `${object.kind} ${object.metadata.name}: ${JSON.stringify(reply.body)}`);
  }
}

async function installed(t: TestContext): Promise<TestServer> {
  const server = await startServer(t);
  const { stdout, stderr, exitCode } = await meshctl(server, "install --set proxy.logLevel=warn");
  assert.equal(exitCode, 0, stderr);
  await apply(server, stdout);
  return server;
}

test("an API server takes every object of an installation, in the order printed, and then a second installation is refused", async (t) => {
  const server = await installed(t);
  const again = await meshctl(server, "install");
  assert.equal(again.exitCode, 1);
  assert.equal(again.stdout, "");
  assert.match(again.stderr, /ConfigMap meshctl-config exists.*\nhint: {2}.*meshctl upgrade/);
  assert.equal((await meshctl(server, "install --ignore-cluster")).exitCode, 0);
});

test("check --pre passes before an installation, check --crds after it", async (t) => {
  const server = await startServer(t);
  const before = await meshctl(server, "check --pre --wait 0s");
  assert.equal(before.exitCode, 0, before.stdout);
  const missing = await meshctl(server, "check --crds --wait 0s");
  assert.equal(missing.exitCode, 1);
  assert.match(missing.stdout, /missing servers\.policy\.meshctl\.io/);
  await apply(server, (await meshctl(server, "install --crds")).stdout);
  const after = await meshctl(server, "check --crds --wait 0s");
  assert.equal(after.exitCode, 0, after.stdout);
  assert.match(after.stdout, /Status check results are √\n$/);
});

test("definitions that went missing are told with the line that brings them back, which works beside an installation", async (t) => {
  const server = await installed(t);
  const name = "servers.policy.meshctl.io";
  await server.request("DELETE", `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`);
  const missing = await meshctl(server, "check --crds --wait 0s");
  assert.match(
    missing.stdout,
    /missing servers\.policy\.meshctl\.io: meshctl install --crds \| kubectl apply -f -\n/,
  );
  const again = await meshctl(server, "install --crds");
  assert.equal(again.exitCode, 0, again.stderr);
  assert.ok(again.stdout.includes(`name: ${name}`));
});

test("check without pods says which are missing, in one JSON document", async (t) => {
  const server = await installed(t);
  const { stdout, exitCode } = await meshctl(server, "check --wait 0s -o json");
  assert.equal(exitCode, 1);
  const { success, categories } = JSON.parse(stdout);
  assert.equal(success, false);
  const last = categories.at(-1).checks.at(-1);
  assert.deepEqual([last.description, last.result], ["control plane pods are ready", "error"]);
  assert.match(last.error, /no running pods for "meshctl-identity"/);
});

const RESOURCES: readonly (readonly [group: string, kind: string, good: object, bad: object])[] = [
  [
    "policy.meshctl.io/v1beta3",
    "Server",
    { podSelector: {}, port: "http" },
    { podSelector: {}, externalWorkloadSelector: {}, port: 1 },
  ],
  [
    "policy.meshctl.io/v1beta1",
    "ServerAuthorization",
    { server: { name: "s" }, client: { unauthenticated: true } },
    { server: {}, client: {} },
  ],
  [
    "policy.meshctl.io/v1alpha1",
    "AuthorizationPolicy",
    {
      targetRef: { group: "policy.meshctl.io", kind: "Server", name: "s" },
      requiredAuthenticationRefs: [{ kind: "ServiceAccount", name: "web" }],
    },
    { targetRef: { kind: "not a kind!", name: "s" }, requiredAuthenticationRefs: [] },
  ],
  ["policy.meshctl.io/v1alpha1", "MeshTLSAuthentication", { identities: ["*"] }, { identities: [] }],
  [
    "policy.meshctl.io/v1alpha1",
    "NetworkAuthentication",
    { networks: [{ cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] }] },
    { networks: [{}] },
  ],
  ["policy.meshctl.io/v1alpha1", "EgressNetwork", { trafficPolicy: "Allow" }, { trafficPolicy: "Perhaps" }],
  [
    "meshctl.io/v1alpha2",
    "ServiceProfile",
    { routes: [{ name: "GET /", condition: { method: "GET", not: { pathRegex: "x" } } }] },
    { routes: [{ name: "x" }] },
  ],
  [
    "workload.meshctl.io/v1beta1",
    "ExternalWorkload",
    { meshTLS: { identity: "spiffe://a/b", serverName: "b" }, workloadIPs: [{ ip: "1.2.3.4" }] },
    { meshTLS: { identity: "", serverName: "b" } },
  ],
];

test("the custom resources take what is meant, and refuse what is not", async (t) => {
  const server = await startServer(t);
  await apply(server, (await meshctl(server, "install --crds")).stdout);
  for (const [apiVersion, kind, good, bad] of RESOURCES) {
    const object = (spec: object): KubeObject => ({
      apiVersion,
      kind,
      metadata: { name: "x", namespace: "demo" },
      spec,
    });
    const path = collectionOf(object({}));
    const refused = await server.request("POST", path, object(bad));
    assert.equal(refused.status, 422, `${kind}: ${JSON.stringify(refused.body)}`);
    const taken = await server.request("POST", path, object(good));
    assert.equal(taken.status, 201, `${kind}: ${JSON.stringify(taken.body)}`);
    for (const key of Object.keys(good))
      assert.deepEqual(taken.body.spec[key], (good as Record<string, unknown>)[key], kind);
  }
});

const POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers: [{name: a, image: a}]\n";

test("inject compares flags with what the cluster is configured with", async (t) => {
  const server = await installed(t);
  const same = await meshctl(server, "inject --proxy-log-level warn -", POD);
  assert.doesNotMatch(same.stdout, /proxy-log-level/);
  const other = await meshctl(server, "inject --proxy-log-level debug -", POD);
  assert.match(other.stdout, /config\.meshctl\.io\/proxy-log-level: debug/);
});

test("manual injection takes anchors and settings from the cluster", async (t) => {
  const server = await installed(t);
  const { stdout, stderr, exitCode } = await meshctl(server, "inject --manual -", POD);
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, /-----BEGIN CERTIFICATE-----/);
  assert.match(stdout, /name: MESHCTL_PROXY_LOG\n +value: warn\n/);
});

test("a flag that needs the cluster fails where no mesh is, and says how to do without", async (t) => {
  const server = await startServer(t);
  const { stderr, stdout, exitCode } = await meshctl(server, "inject --proxy-log-level debug -", POD);
  assert.equal(exitCode, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /there is no installation in namespace "meshctl"[\s\S]*--ignore-cluster/);
});

test("uninstall names what install made outside the namespace, and refuses while pods are meshed", async (t) => {
  const server = await installed(t);
  const { stdout } = await meshctl(server, "uninstall -o json");
  const names = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as KubeObject);
  assert.equal(names.filter(({ kind }) => kind === "CustomResourceDefinition").length, 10);
  assert.deepEqual(
    names
      .filter(({ kind }) => kind !== "CustomResourceDefinition")
      .map(({ kind, metadata }) => `${kind}/${metadata.name}`),
    [
      "ClusterRole/meshctl-controller",
      "ClusterRole/meshctl-identity",
      "ClusterRoleBinding/meshctl-controller",
      "ClusterRoleBinding/meshctl-identity",
      "MutatingWebhookConfiguration/meshctl-injector-webhook-config",
      "ValidatingWebhookConfiguration/meshctl-policy-validator-webhook-config",
      "Namespace/meshctl",
    ],
  );
  const meshed = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "demo", labels: { "meshctl.io/control-plane-ns": "meshctl" } },
    spec: { containers: [{ name: "a", image: "a" }] },
  };
  // The webhook is there, but nobody answers it: failurePolicy Ignore lets the pod in.
  assert.equal((await server.request("POST", "/api/v1/namespaces/demo/pods", meshed)).status, 201);
  const refused = await meshctl(server, "uninstall");
  assert.equal(refused.exitCode, 1);
  assert.match(refused.stderr, /1 pod is still in the mesh:\n +\* demo\/web/);
  assert.equal((await meshctl(server, "uninstall --force")).exitCode, 0);
});
