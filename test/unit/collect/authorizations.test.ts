import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { collectAuthorizations } from "../../../src/collect/authorizations.ts";
import { parseOneSelection } from "../../../src/collect/selector.ts";
import { ObjectCluster } from "../../support/object-cluster.ts";
import { buildPod } from "./fake-kube.ts";

const policy = (version: string, kind: string, name: string, spec: object, labels = {}): KubeObject => ({
  apiVersion: `policy.meshctl.io/${version}`,
  kind,
  metadata: { name, namespace: "demo", labels },
  spec,
});
const server = (name: string, app: string, port: string | number, labels = {}) =>
  policy("v1beta3", "Server", name, { podSelector: { matchLabels: { app } }, port }, labels);
const authorization = (name: string, targetRef: object) =>
  policy("v1alpha1", "AuthorizationPolicy", name, { targetRef, requiredAuthenticationRefs: [] });

const toServer = (name: string) => ({ group: "policy.meshctl.io", kind: "Server", name });

function pod(name: string, app: string): KubeObject {
  const built = buildPod({ name });
  built.metadata.labels = { ...built.metadata.labels, app };
  built.spec.containers[0].ports = [{ name: "http", containerPort: 8080 }];
  return built;
}

async function authorize(objects: readonly KubeObject[], words = "deploy/web") {
  const kube = new ObjectCluster([pod("web-1", "web"), pod("api-1", "api"), ...objects]).client();
  const selection = parseOneSelection([words]);
  const { rows, notices } = await collectAuthorizations(
    kube,
    selection,
    "demo",
    new AbortController().signal,
  );
  const lines = rows.map((row) =>
    [row.route, row.server, row.authorizationPolicy, row.serverAuthorization].join(" ").trim(),
  );
  return { lines, notices };
}

test("a policy for a Server is of the pods that the Server selects, by label and named port", async () => {
  const objects = [
    server("web-http", "web", "http"),
    server("web-grpc", "web", "grpc"),
    server("api-http", "api", 8080),
    ...["web-http", "web-grpc", "api-http"].map((name) => authorization(`to-${name}`, toServer(name))),
  ];
  assert.deepEqual((await authorize(objects)).lines, ["* web-http to-web-http"]);
  assert.deepEqual((await authorize(objects, "deploy/api")).lines, ["* api-http to-api-http"]);
});

test("a policy for a namespace is of every Server in it, one for a route of the route's Servers", async () => {
  const route = policy("v1beta3", "HTTPRoute", "read", {
    parentRefs: [toServer("web-http"), { kind: "Service", name: "web" }],
  });
  const objects = [
    server("web-http", "web", "http"),
    server("web-all", "web", 1),
    route,
    authorization("ns", { kind: "Namespace", name: "demo" }),
    authorization("reads", { group: "policy.meshctl.io", kind: "HTTPRoute", name: "read" }),
  ];
  assert.deepEqual((await authorize(objects)).lines, [
    "* web-all ns",
    "* web-http ns",
    "read web-http reads",
  ]);
});

test("a ServerAuthorization is of the Server that it names, or of those with its labels", async () => {
  const objects = [
    server("a", "web", "http", { tier: "front" }),
    server("b", "web", 2),
    policy("v1beta1", "ServerAuthorization", "named", { server: { name: "b" } }),
    policy("v1beta1", "ServerAuthorization", "labelled", {
      server: { selector: { matchLabels: { tier: "front" } } },
    }),
  ];
  assert.deepEqual((await authorize(objects)).lines, ["* a  labelled", "* b  named"]);
});

test("references to nothing are told, and are no authorizations", async () => {
  const { lines, notices } = await authorize([
    server("a", "web", "http"),
    authorization("one", toServer("gone")),
    authorization("two", { group: "policy.meshctl.io", kind: "HTTPRoute", name: "gone" }),
  ]);
  assert.deepEqual(lines, []);
  assert.deepEqual(notices, [
    "AuthorizationPolicy one refers to Server gone, which does not exist",
    "AuthorizationPolicy two refers to HTTPRoute gone, which does not exist",
  ]);
});

test("a name that does not exist is an error with a suggestion", async () => {
  await assert.rejects(authorize([], "deploy/wep"), { code: "KUBE_NOT_FOUND" });
});
