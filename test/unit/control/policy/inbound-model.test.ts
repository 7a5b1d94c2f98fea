import assert from "node:assert/strict";
import { test } from "node:test";
import { toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { parse } from "yaml";
import { type Server, ServerSchema } from "../../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { tryParseNetwork } from "../../../../src/base/ip.ts";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import type { ControlSettings } from "../../../../src/control/control-settings.ts";
import { ClusterIndex } from "../../../../src/control/index/cluster-index.ts";
import { Views } from "../../../../src/control/index/view.ts";
import { portPolicy } from "../../../../src/control/policy/inbound/port-policy.ts";
import type { SourceEvent } from "../../../../src/kube/source.ts";
import { Store } from "../../../../src/kube/store.ts";
import { decodeServer } from "../../../../src/proxy/discovery/decode-inbound.ts";

const SETTINGS: ControlSettings = {
  namespace: "meshctl",
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  clusterNetworks: [tryParseNetwork("10.0.0.0/8")!],
  defaultInboundPolicy: "all-unauthenticated",
  defaultOpaquePorts: [],
  enableH2Upgrade: false,
  enableIpv6: false,
  inboundPort: 4143,
};

const TO = (name: string) => `{ group: policy.meshctl.io, kind: Server, name: ${name} }`;
const SERVER = (rest: string, app = "web") =>
  `{ podSelector: { matchLabels: { app: ${app} } }, port: 80${rest} }`;
/** For each kind and name, the specs that it may have; broken ones among them. */
const SPECS: Readonly<Record<string, readonly string[]>> = {
  "policy.meshctl.io/v1beta3/Server/a": [
    SERVER(""),
    SERVER(", proxyProtocol: HTTP/1", "other"),
    SERVER(", proxyProtocol: HTTP/1"),
    SERVER(", proxyProtocol: no"),
  ],
  "policy.meshctl.io/v1beta3/Server/b": [
    SERVER(", accessPolicy: audit"),
    SERVER(", proxyProtocol: opaque", "other"),
    SERVER(", proxyProtocol: gRPC"),
    "{ podSelector: {}, port: 80, proxyProtocol: TLS }",
  ],
  "policy.meshctl.io/v1beta1/ServerAuthorization/s": [
    "{ server: { name: a }, client: { unauthenticated: true } }",
    "{ server: { selector: {} }, client: { meshTLS: { unauthenticatedTLS: true } } }",
    "{ server: { name: a }, client: {} }",
  ],
  "policy.meshctl.io/v1alpha1/AuthorizationPolicy/p": [
    `{ targetRef: ${TO("a")}, requiredAuthenticationRefs: [{ group: policy.meshctl.io, kind: MeshTLSAuthentication, name: m }] }`,
    `{ targetRef: { kind: Namespace, name: demo }, requiredAuthenticationRefs: [{ group: policy.meshctl.io, kind: NetworkAuthentication, name: n }] }`,
    `{ targetRef: { group: policy.meshctl.io, kind: HTTPRoute, name: r }, requiredAuthenticationRefs: [] }`,
  ],
  "policy.meshctl.io/v1alpha1/MeshTLSAuthentication/m": [
    `{ identities: ["*"] }`,
    "{ identityRefs: [{ kind: Namespace, name: ops }] }",
    "{ identities: [] }",
  ],
  "policy.meshctl.io/v1alpha1/NetworkAuthentication/n": [
    "{ networks: [{ cidr: 10.0.0.0/8 }] }",
    "{ networks: [{ cidr: nowhere }] }",
  ],
  "policy.meshctl.io/v1alpha1/HTTPLocalRateLimitPolicy/l": [
    `{ targetRef: ${TO("a")}, total: { requestsPerSecond: 1 } }`,
    `{ targetRef: ${TO("b")}, total: { requestsPerSecond: 2 } }`,
  ],
  "policy.meshctl.io/v1beta3/HTTPRoute/r": [
    `{ parentRefs: [${TO("a")}], rules: [{ matches: [{ path: { type: PathPrefix, value: /r } }] }] }`,
    `{ parentRefs: [${TO("b")}, ${TO("a")}], rules: [{}] }`,
    `{ parentRefs: [${TO("a")}], rules: [{ filters: [{ type: Unheard }] }] }`,
  ],
  "gateway.networking.k8s.io/v1/GRPCRoute/g": [`{ parentRefs: [${TO("b")}], rules: [{}] }`],
  "v1/Pod/web": [
    "{ containers: [{ name: app }] }",
    "{ containers: [{ name: app, readinessProbe: { httpGet: { path: /ready, port: 80 } } }] }",
  ],
};
const IDS = Object.keys(SPECS);

function objectOf(id: string, spec: number, age: number): KubeObject {
  const parts = id.split("/");
  const name = parts.pop()!;
  const kind = parts.pop()!;
  const specs = SPECS[id]!;
  return {
    apiVersion: parts.join("/"),
    kind,
    metadata: {
      name,
      namespace: "demo",
      labels: { app: spec % 2 === 0 ? "web" : "other" },
      creationTimestamp: `2026-01-0${age}T00:00:00Z`,
      resourceVersion: String(++version),
    },
    spec: parse(specs[spec % specs.length]!),
  };
}
let version = 0;

type Step =
  | { readonly do: "apply"; readonly id: string; readonly spec: number; readonly age: number }
  | { readonly do: "delete"; readonly id: string }
  /** The watch of the object's kind starts anew: everything is listed again. */
  | { readonly do: "list"; readonly id: string }
  | { readonly do: "flush" };

const id = fc.constantFrom(...IDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("apply" as const),
      id,
      spec: fc.nat(3),
      age: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("list" as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
);

/** Most objects are there from the start: a single change then has something to change. */
const start = fc.tuple(
  ...IDS.map((each) =>
    fc.record({
      do: fc.constant("apply" as const),
      id: fc.constant(each),
      spec: fc.nat(1),
      age: fc.constant(1),
    }),
  ),
);

/** The policy as it is streamed, undefined while the pod is not known. */
function compute(index: ClusterIndex, track: (topic: string) => void): Server | undefined {
  track("pod/demo/web");
  const pod = index.pod("demo", "web");
  return pod && portPolicy({ index, settings: SETTINGS, track }, pod, 80);
}
const textOf = (server: Server | undefined) => (server ? toJsonString(ServerSchema, server) : "none");

test("whatever happens to policies, in whatever order, a subscriber holds what one would compute from scratch", () => {
  fc.assert(
    fc.property(start, fc.array(step, { maxLength: 40 }), (first, steps) => {
      const index = new ClusterIndex();
      const views = new Views(index.topics);
      const stores = new Map(IDS.map((each) => [each.slice(0, each.lastIndexOf("/")), new Store(index)]));
      for (const store of stores.values())
        for (const type of ["init", "init-done"] as const) store.handle({ type });
      const cluster = new Map<string, KubeObject>();
      const view = views.get("web", {
        isEqual: (left: Server | undefined, right: Server | undefined) => textOf(left) === textOf(right),
        compute: (track) => compute(index, track),
      });
      let held = "none";
      const unsubscribe = view.subscribe((next) => {
        assert.notEqual(textOf(next), held, "an equal policy was sent again");
        held = textOf(next);
      });
      for (const each of [...first, { do: "flush" } as const, ...steps, { do: "flush" } as const]) {
        if (each.do === "flush") {
          index.topics.flush();
          continue;
        }
        const kind = each.id.slice(0, each.id.lastIndexOf("/"));
        const tell = (event: SourceEvent) => stores.get(kind)!.handle(event);
        if (each.do === "apply") {
          const object = objectOf(each.id, each.spec, each.age);
          cluster.set(each.id, object);
          tell({ type: "apply", object });
        } else if (each.do === "delete") {
          const object = cluster.get(each.id);
          cluster.delete(each.id);
          if (object) tell({ type: "delete", object });
        } else {
          tell({ type: "init" });
          for (const [other, object] of cluster) {
            if (other.startsWith(`${kind}/`)) tell({ type: "init-apply", object });
          }
          tell({ type: "init-done" });
        }
      }
      const fresh = new ClusterIndex();
      for (const object of cluster.values()) fresh.apply(object);
      const expected = compute(fresh, () => {});
      assert.equal(held, textOf(expected));
      // What is sent can be read: a proxy that cannot read a policy refuses everything.
      if (expected) decodeServer(expected);
      unsubscribe();
      assert.equal(index.topics.size, 0, "a view that ended left its topics behind");
    }),
    { numRuns: 300 },
  );
});
