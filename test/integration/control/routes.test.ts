import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type OutboundPolicy,
  OutboundPolicySchema,
  TrafficSpecSchema,
} from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { meshClientOptions } from "../../../src/identity/mesh-tls.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import { openRawGrpc } from "../../support/raw-grpc.ts";
import { until } from "../../support/until.ts";
import { startControlPlane } from "./start-control-plane.ts";

const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
const WEB = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/demo/httproutes";

/** As little of the Gateway API's definition as a route needs. */
const HTTP_ROUTES = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: "httproutes.gateway.networking.k8s.io",
    annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2466" },
  },
  spec: {
    group: "gateway.networking.k8s.io",
    scope: "Namespaced",
    names: { kind: "HTTPRoute", plural: "httproutes", singular: "httproute", listKind: "HTTPRouteList" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

function service(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports: [{ port: 80 }] } };
}

function route(name: string, backend: string): KubeObject {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name },
    spec: {
      parentRefs: [
        { group: "", kind: "Service", name: "web" },
        { group: "gateway.networking.k8s.io", kind: "Gateway", name: "front" },
      ],
      rules: [{ backendRefs: [{ name: backend, port: 80 }] }],
    },
  };
}

const FOREIGN = {
  parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", name: "front" },
  controllerName: "example.com/gateway",
  conditions: [
    {
      type: "Accepted",
      status: "True",
      reason: "Accepted",
      message: "",
      lastTransitionTime: "2026-01-02T03:04:05Z",
    },
  ],
};

/** Names of the routes that a policy applies to HTTP, with their first backend. */
function routesOf(policy: OutboundPolicy | undefined): string[] {
  const kind = policy?.protocol?.kind;
  if (kind?.case !== "detect") return [];
  return kind.value.http1!.routes.map(({ metadata, rules }) => {
    const name = metadata?.kind.case === "resource" ? metadata.kind.value.name : metadata?.kind.value;
    const backends = rules[0]?.backends?.kind;
    const backend = backends?.case === "randomAvailable" ? backends.value.backends[0]?.backend : undefined;
    const to = backend?.backend?.metadata?.kind;
    return `${name} -> ${to?.case === "resource" ? to.value.name : (to?.value ?? "parent")}`;
  });
}

/** `type=status/reason`, of our own entries. */
async function statusOf(client: KubeClient, name: string): Promise<string[]> {
  const { status } = await client.request("GET", `${ROUTES}/${name}`);
  return ((status?.parents ?? []) as (typeof FOREIGN)[]).flatMap((parent) =>
    parent.controllerName === "meshctl.io/policy-controller"
      ? parent.conditions.map(({ type, status: value, reason }) => `${type}=${value}/${reason}`)
      : [],
  );
}

test("routes take effect and get their status when their definition comes after the controller, and go with it", async (t) => {
  const { client, authority, logs } = await startControlPlane(t);
  const post = (path: string, body: object) => client.request("POST", path, { body });
  await post("/api/v1/namespaces/demo/services", service("web"));
  const credentials = await authority.credentials(WEB);
  const target = { serverName: CONTROLLER, expectIdentity: CONTROLLER };
  const policy = await openRawGrpc(await logs.port("policy"), meshClientOptions(credentials, target));
  t.after(() => policy.close());
  const watch = () =>
    policy.call(
      "/io.linkerd.proxy.outbound.OutboundPolicies/Watch",
      TrafficSpecSchema,
      OutboundPolicySchema,
      {
        sourceWorkload: JSON.stringify({ ns: "demo", pod: "client" }),
        target: { case: "authority", value: "web.demo.svc.cluster.local:80" },
      },
    );
  // Until the Service has reached the index, the answer is NOT_FOUND.
  let stream = watch();
  await until("a policy", async () => {
    if (stream.messages.length > 0) return true;
    const ended = await Promise.race([stream.ended, stream.until(1).catch(() => undefined)]);
    if (ended !== undefined) stream = watch();
    return false;
  });
  const current = () => routesOf(stream.messages.at(-1));
  assert.deepEqual(current(), ["http -> parent"]);

  await post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", HTTP_ROUTES);
  await until("the definition to be served", () =>
    post(ROUTES, route("split", "web-v2")).then(
      () => true,
      () => false,
    ),
  );
  await until("the route to take effect", () => current()[0] === "split -> invalid");
  const expected = (resolved: string) => ["Accepted=True/Accepted", `ResolvedRefs=${resolved}`];
  const settled = (name: string, conditions: string[]) =>
    until(`${name}: ${conditions}`, async () => String(await statusOf(client, name)) === String(conditions));
  await settled("split", expected("False/BackendNotFound"));

  // Another controller's entry stays, whatever we write afterwards.
  const held = await client.request("GET", `${ROUTES}/split`);
  await client.request("PUT", `${ROUTES}/split/status`, {
    body: { ...held, status: { parents: [FOREIGN, ...held.status.parents] } },
  });
  await post("/api/v1/namespaces/demo/services", service("web-v2"));
  await until("the backend to be found", () => current()[0] === "split -> web-v2");
  await settled("split", expected("True/ResolvedRefs"));
  const { status, metadata } = await client.request("GET", `${ROUTES}/split`);
  assert.deepEqual(status.parents[0], FOREIGN);
  const [ours] = status.parents.slice(1);
  assert.equal(ours.conditions[0].observedGeneration, metadata.generation);
  // It was accepted from the beginning.
  assert.equal(
    ours.conditions[0].lastTransitionTime,
    held.status.parents[0].conditions[0].lastTransitionTime,
  );

  const lease = await client.request(
    "GET",
    "/apis/coordination.k8s.io/v1/namespaces/meshctl/leases/meshctl-policy-status",
  );
  assert.match(lease.spec.holderIdentity, /^controller-1_/);

  const broken = route("broken", "web-v2");
  broken.spec.rules[0].matches = [{ path: { type: "RegularExpression", value: "/(" } }];
  await post(ROUTES, broken);
  await settled("broken", ["Accepted=False/UnsupportedValue", "ResolvedRefs=True/ResolvedRefs"]);
  assert.deepEqual(current(), ["split -> web-v2"]);

  await client.request(
    "DELETE",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io",
  );
  await until("routes to go with their definition", () => current()[0] === "http -> parent");
});

test("the controller that stops gives its lease back", async (t) => {
  const { client, stopping, controller, identity } = await startControlPlane(t);
  const path = "/apis/coordination.k8s.io/v1/namespaces/meshctl/leases/meshctl-policy-status";
  await until("the lease", () =>
    client.request("GET", path).then(
      () => true,
      () => false,
    ),
  );
  stopping.abort();
  await Promise.all([identity, controller]);
  const { spec } = await client.request("GET", path);
  assert.equal(spec.holderIdentity ?? "", "");
});
