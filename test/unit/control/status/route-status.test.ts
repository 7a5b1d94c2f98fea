import assert from "node:assert/strict";
import { test } from "node:test";
import { tryParseNetwork } from "../../../../src/base/ip.ts";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import type { ControlSettings } from "../../../../src/control/control-settings.ts";
import { ClusterIndex } from "../../../../src/control/index/cluster-index.ts";
import { egressNetworkStatus, rateLimitStatus } from "../../../../src/control/status/policy-status.ts";
import { patchedRouteStatus, routeStatus } from "../../../../src/control/status/route-status.ts";

const SETTINGS = { clusterNetworks: [tryParseNetwork("10.0.0.0/8")!] } as unknown as ControlSettings;
const NOW = "2026-01-02T03:04:05Z";

function object(
  apiVersion: string,
  kind: string,
  name: string,
  spec: object,
  metadata: object = {},
): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: "demo", generation: 3, ...metadata }, spec };
}
const service = (name: string, spec: object = { clusterIP: "10.0.0.1" }) =>
  object("v1", "Service", name, spec);
const route = (kind: string, name: string, spec: object, metadata: object = {}) =>
  object("gateway.networking.k8s.io/v1", kind, name, spec, metadata);
const policy = (kind: string, name: string, spec: object, metadata: object = {}) =>
  object("policy.meshctl.io/v1alpha1", kind, name, spec, metadata);

function indexOf(...objects: KubeObject[]): ClusterIndex {
  const index = new ClusterIndex();
  for (const each of objects) index.apply(each);
  return index;
}

/** `Accepted=False/NoMatchingParent ...` of each parent. */
function conditions(index: ClusterIndex, of: KubeObject): string[] {
  return routeStatus(of, { index, settings: SETTINGS, track() {} }).map((parent) =>
    parent.conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`).join(" "),
  );
}

const toService = (name: string, more: object = {}) => ({ group: "", kind: "Service", name, ...more });
const OK = "Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs";

test("route is accepted for each parent by itself; a Gateway is somebody else's", () => {
  const index = indexOf(
    service("web"),
    service("headless", { clusterIP: "None" }),
    service("alias", { type: "ExternalName" }),
    policy("EgressNetwork", "out", { trafficPolicy: "Allow" }),
    policy("EgressNetwork", "in", { trafficPolicy: "Allow", networks: [{ cidr: "10.1.0.0/16" }] }),
    policy("Server", "srv", {}),
  );
  const egress = (name: string, port?: number) => ({
    group: "policy.meshctl.io",
    kind: "EgressNetwork",
    name,
    port,
  });
  const parentRefs = [
    { name: "front" },
    toService("web"),
    toService("none"),
    toService("headless"),
    toService("alias"),
    egress("out", 443),
    egress("out"),
    egress("in", 443),
    { group: "policy.meshctl.io", kind: "Server", name: "srv" },
    { group: "policy.meshctl.io", kind: "Server", name: "srv", namespace: "other" },
    { group: "policy.meshctl.io", kind: "Server", name: "srv", port: 80 },
    { group: "policy.meshctl.io", kind: "Server", name: "srv", sectionName: "http" },
  ];
  const missing = "Accepted=False/NoMatchingParent ResolvedRefs=True/ResolvedRefs";
  assert.deepEqual(conditions(index, route("HTTPRoute", "r", { parentRefs })), [
    OK,
    missing,
    missing,
    missing,
    OK,
    missing,
    missing,
    "Accepted=True/Accepted",
    "Accepted=False/NoMatchingParent",
    "Accepted=False/NoMatchingParent",
    "Accepted=False/NoMatchingParent",
  ]);
});

test("route of a kind that loses is conflicted only where the winner covers its ports and clients", () => {
  const grpc = (parent: object, namespace = "demo") =>
    route("GRPCRoute", "calls", { parentRefs: [parent] }, { namespace });
  const http = route("HTTPRoute", "pages", {
    parentRefs: [toService("web", { port: 80, namespace: "demo" })],
  });
  const conflicted = "Accepted=False/RouteReasonConflicted ResolvedRefs=True/ResolvedRefs";
  const web = toService("web", { namespace: "demo" });
  assert.deepEqual(conditions(indexOf(service("web"), http, grpc(web)), http), [conflicted]);
  assert.deepEqual(conditions(indexOf(service("web"), http, grpc({ ...web, port: 80 })), http), [conflicted]);
  assert.deepEqual(conditions(indexOf(service("web"), http, grpc({ ...web, port: 81 })), http), [OK]);
  assert.deepEqual(conditions(indexOf(service("web"), http, grpc(web, "consumer")), http), [OK]);
  assert.deepEqual(conditions(indexOf(service("web"), http, grpc(web)), grpc(web)), [OK]);
});

test("backends are resolved in the route's own namespace, and the first that is wrong is named", () => {
  const index = indexOf(service("web"), service("v1"));
  const resolved = (...backendRefs: object[]) =>
    routeStatus(route("HTTPRoute", "r", { parentRefs: [toService("web")], rules: [{ backendRefs }] }), {
      index,
      settings: SETTINGS,
      track() {},
    })[0]!.conditions[1]!;
  assert.equal(resolved({ name: "v1", port: 80 }).reason, "ResolvedRefs");
  assert.equal(resolved({ name: "v1", port: 80 }, { name: "v2", port: 80 }).reason, "BackendNotFound");
  assert.match(resolved({ name: "v2", port: 80 }).message, /demo\/v2/);
  assert.equal(resolved({ name: "v1", port: 80, namespace: "other" }).reason, "BackendNotFound");
  assert.equal(resolved({ name: "v1" }).reason, "BackendNotFound");
  assert.equal(resolved({ group: "a.example", kind: "Bucket", name: "b" }).reason, "InvalidKind");
});

test("route that cannot be served says which field, and mirrors count as backends", () => {
  const index = indexOf(service("web"));
  const filters = (filter: object) =>
    route("HTTPRoute", "r", { parentRefs: [toService("web")], rules: [{ filters: [filter] }] });
  const [status] = routeStatus(filters({ type: "ExtensionRef" }), { index, settings: SETTINGS, track() {} });
  assert.equal(status!.conditions[0]!.reason, "UnsupportedValue");
  assert.match(status!.conditions[0]!.message, /^spec\.rules\[0\]\.filters\[0\]\.type: /);
  const mirror = { type: "RequestMirror", requestMirror: { backendRef: { name: "none", port: 80 } } };
  assert.deepEqual(conditions(index, filters(mirror)), [
    "Accepted=True/Accepted ResolvedRefs=False/BackendNotFound",
  ]);
});

test("status is written once: not when only times differ, and a condition that stays keeps its time", () => {
  const index = indexOf(service("web"));
  const made = route("HTTPRoute", "r", {
    parentRefs: [toService("web")],
    rules: [{ backendRefs: [{ name: "v1", port: 80 }] }],
  });
  const wanted = () => routeStatus(made, { index, settings: SETTINGS, track() {} });
  const foreign = { parentRef: { name: "front" }, controllerName: "example.com/x", conditions: [] };
  made.status = { parents: [foreign] };
  const first = patchedRouteStatus(made, wanted(), NOW)!;
  assert.equal(first.parents.length, 2);
  assert.deepEqual(first.parents[0], foreign);
  made.status = first;
  assert.equal(patchedRouteStatus(made, wanted(), "2027-01-01T00:00:00Z"), undefined);
  index.apply(service("v1"));
  const second = patchedRouteStatus(made, wanted(), "2027-01-01T00:00:00Z")!;
  const [accepted, resolved] = (second.parents[1] as { conditions: Record<string, unknown>[] }).conditions;
  assert.equal(accepted!.lastTransitionTime, NOW);
  assert.equal(accepted!.observedGeneration, 3);
  assert.equal(resolved!.lastTransitionTime, "2027-01-01T00:00:00Z");
  made.status = second;
  made.spec.parentRefs = [{ name: "front" }];
  assert.deepEqual(patchedRouteStatus(made, wanted(), NOW), { parents: [foreign] });
});

test("of two rate limits of a Server the older is accepted; an egress network has nothing of the cluster", () => {
  const limit = (name: string, creationTimestamp: string, server = "srv") =>
    policy(
      "HTTPLocalRateLimitPolicy",
      name,
      {
        targetRef: { group: "policy.meshctl.io", kind: "Server", name: server },
        total: { requestsPerSecond: 5 },
      },
      { creationTimestamp },
    );
  const old = limit("z", "2026-01-01T00:00:00Z");
  const young = limit("a", "2026-01-02T00:00:00Z");
  const lost = limit("lost", "2026-01-01T00:00:00Z", "none");
  const index = indexOf(policy("Server", "srv", {}), young, old, lost);
  const reasonOf = (of: KubeObject) => rateLimitStatus(of, index, () => {})[0]!.reason;
  assert.deepEqual(
    [reasonOf(old), reasonOf(young), reasonOf(lost)],
    ["Accepted", "RateLimitReasonAlreadyExists", "NoMatchingTarget"],
  );
  const egress = (cidr: string) =>
    egressNetworkStatus(
      policy("EgressNetwork", "e", { trafficPolicy: "Deny", networks: [{ cidr }] }),
      SETTINGS,
    )[0]!.reason;
  assert.equal(egress("1.0.0.0/8"), "Accepted");
  assert.equal(egress("10.3.0.0/16"), "EgressReasonNetworkOverlap");
  assert.equal(egress("0.0.0.0/0"), "EgressReasonNetworkOverlap");
});
