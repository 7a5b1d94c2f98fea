/** What a user who lacks a right is told, by each verb that asks a cluster: the verb of the API, and a line that shows the right. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { command as check } from "../../../commands/check.ts";
import { command as edges } from "../../../commands/edges.ts";
import { command as install } from "../../../commands/install.ts";
import { command as stat } from "../../../commands/stat.ts";
import { command as tap } from "../../../commands/tap.ts";
import { command as top } from "../../../commands/top.ts";
import { command as uninstall } from "../../../commands/uninstall.ts";
import { command as version } from "../../../commands/version.ts";
import { registryOf, runLine } from "../../support/cli.ts";
import { startServer, type TestServer } from "../apiserver/support.ts";

const registry = registryOf([check, edges, install, stat, tap, top, uninstall, version]);

function meshctl(server: TestServer, line: string, user = "jane") {
  return runLine(registry, [...line.split(" "), "--as", user], {
    env: { KUBECONFIG: server.kubeconfigPath },
  });
}

/** A meshed pod that runs, and a user who may list pods of its namespace and nothing else. */
async function startRestricted(t: TestContext): Promise<TestServer> {
  const server = await startServer(t);
  const create = async (path: string, body: object) => {
    const reply = await server.request("POST", path, body);
    assert.equal(reply.status, 201, JSON.stringify(reply.body));
  };
  const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/demo";
  await create(`${rbac}/roles`, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "viewer" },
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "get"] }],
  });
  await create(`${rbac}/rolebindings`, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "viewer" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "viewer" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }],
  });
  for (const name of ["web-1", "web-2"]) {
    await create("/api/v1/namespaces/demo/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        labels: { "meshctl.io/control-plane-ns": "meshctl", "meshctl.io/proxy-deployment": "web" },
      },
      spec: {
        initContainers: [{ name: "meshctl-proxy", image: "meshctl", restartPolicy: "Always" }],
        containers: [{ name: "app", image: "app" }],
      },
    });
    await server.request(
      "PATCH",
      `/api/v1/namespaces/demo/pods/${name}/status`,
      {
        status: {
          phase: "Running",
          podIP: "127.0.0.1",
          initContainerStatuses: [
            { name: "meshctl-proxy", ready: true, started: true, state: { running: {} } },
          ],
        },
      },
      { "content-type": "application/merge-patch+json" },
    );
  }
  return server;
}

const MISSING: readonly (readonly [line: string, user: string, canI: string])[] = [
  ["stat deploy -n demo", "mallory", "list pods -n demo"],
  ["stat deploy -A", "jane", "list pods -A"],
  ["stat deploy -n demo", "jane", "get pods --subresource=proxy -n demo"],
  ["edges deploy -n demo", "jane", "get pods --subresource=proxy -n demo"],
  ["tap deploy/web -n demo", "mallory", "list pods -n demo"],
  ["tap deploy/web -n demo", "jane", "portforward -n demo"],
  ["tap deploy/web -n demo --since 10s", "jane", "portforward -n demo"],
  ["top deploy/web -n demo --for 1s", "jane", "portforward -n demo"],
  ["install", "jane", "get configmaps/meshctl-config -n meshctl"],
  ["uninstall", "jane", "list pods -A"],
];

test("a verb that lacks a right fails and names it, once", async (t) => {
  const server = await startRestricted(t);
  for (const [line, user, canI] of MISSING) {
    const { stderr, stdout, exitCode } = await meshctl(server, line, user);
    const said = `${line} as ${user}: ${stderr}`;
    assert.equal(exitCode, 1, said);
    assert.equal(stdout, "", said);
    assert.equal(stderr.split("\n").filter((text) => text.includes("kubectl auth can-i ")).length, 1, said);
    assert.match(stderr, / is forbidden: User "(jane|mallory)" cannot (get|list|create) resource /, said);
    assert.ok(stderr.includes(`${canI} --as ${user}`), said);
    assert.ok(stderr.includes("see:   docs/troubleshooting.md#k8s-forbidden\n"), said);
  }
});

test("version says why the server's version is unavailable when a right is missing", async (t) => {
  const server = await startRestricted(t);
  const { stdout, stderr, exitCode } = await meshctl(server, "version");
  assert.equal(exitCode, 0);
  assert.match(stdout, /Server version: unavailable/);
  assert.match(stderr, /kubectl auth can-i get configmaps\/meshctl-config -n meshctl --as jane\n/);
});

test("check points at the right, not at what it could not look at", async (t) => {
  const server = await startRestricted(t);
  const { stdout, exitCode } = await meshctl(server, "check --wait 0s");
  assert.equal(exitCode, 1);
  assert.match(stdout, /× 'meshctl-config' config map exists\n.*cannot get resource "configmaps"/);
  assert.match(stdout, /kubectl auth can-i get configmaps\/meshctl-config -n meshctl --as jane\n/);
  assert.match(stdout, /see docs\/troubleshooting\.md#k8s-forbidden for hints/);
  const pre = await meshctl(server, "check --pre --wait 0s");
  assert.equal(pre.exitCode, 1);
  assert.match(
    pre.stdout,
    /kubectl auth can-i create clusterroles\.rbac\.authorization\.k8s\.io --as jane\n/,
  );
  assert.match(pre.stdout, /kubectl auth can-i create secrets -n meshctl --as jane\n/);
});

test("who may not impersonate is told so, and to ask as oneself", async (t) => {
  const server = await startRestricted(t);
  const reply = await server.request("POST", "/api/v1/namespaces/demo/serviceaccounts/default/token", {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: {},
  });
  assert.equal(reply.status, 201);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "sa",
    clusters: [
      {
        name: "c",
        cluster: {
          server: `https://${server.api.host}:${server.api.port}`,
          "certificate-authority-data": Buffer.from(server.api.caPem).toString("base64"),
        },
      },
    ],
    users: [{ name: "u", user: { token: reply.body.status.token } }],
    contexts: [{ name: "sa", context: { cluster: "c", user: "u", namespace: "demo" } }],
  };
  const file = `${server.dir}/sa-kubeconfig`;
  await writeFile(file, JSON.stringify(config));
  const own = await runLine(registry, ["stat", "deploy"], { env: { KUBECONFIG: file } });
  assert.match(own.stderr, /User "system:serviceaccount:demo:default" cannot list resource "pods"/);
  assert.match(own.stderr, /can-i list pods -n demo\n/);
  const other = await runLine(registry, ["stat", "deploy", "--as", "jane"], { env: { KUBECONFIG: file } });
  assert.match(other.stderr, /cannot impersonate resource "users"/);
  assert.match(other.stderr, /can-i impersonate users\n/);
});
