import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescMessage, type DescMethod, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { parse } from "yaml";
import {
  Destination,
  type Update,
  UpdateSchema,
} from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { InboundServerPolicies } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import type { TcpAddress } from "../../../src/api/gen/io/linkerd/proxy/net_pb.js";
import { OutboundPolicies } from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { destinationMethods } from "../../../src/control/destination/destination-methods.ts";
import { ClusterIndex } from "../../../src/control/index/cluster-index.ts";
import { Views } from "../../../src/control/index/view.ts";
import { policyMethods } from "../../../src/control/policy/policy-methods.ts";
import { encodeAddress } from "../../../src/control/serve/encode-values.ts";
import { decodeFrame, type GrpcMethod } from "../../../src/control/serve/grpc-method.ts";
import { Store } from "../../../src/kube/store.ts";
import { createRegistry } from "../../../src/metrics/registry.ts";
import { FakeClock } from "../../support/clock.ts";
import { TestCall } from "../../support/test-call.ts";
import { TEST_SETTINGS } from "./settings.ts";

const PARENT = `parentRefs: [{ group: "", kind: Service, name: web }]`;
const ROUTE = (rest: string) => `{ spec: { ${PARENT}, rules: [${rest}] } }`;
const MESHED = "meshctl.io/control-plane-ns: meshctl";
const MTLS = "meshTLS: { identity: web.demo.example, serverName: web.demo.example }";

/** For each object the states that it may have, ones with mistakes among them. */
const STATES: Readonly<Record<string, readonly string[]>> = {
  "v1/Node//n1": [
    "{ metadata: { labels: { topology.kubernetes.io/zone: a } } }",
    "{ metadata: { labels: { topology.kubernetes.io/zone: b } } }",
    "{}",
  ],
  "v1/Node//n2": ["{ metadata: { labels: { topology.kubernetes.io/zone: b } } }"],
  "v1/Service/demo/web": [
    "{ spec: { clusterIP: 10.1.0.1, selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] } }",
    "{ spec: { clusterIP: 10.1.0.1, internalTrafficPolicy: Local, ports: [{ name: http, port: 80 }] } }",
    `{ metadata: { annotations: { config.meshctl.io/opaque-ports: "80" } }, spec: { clusterIP: 10.1.0.2, ports: [{ name: http, port: 80 }] } }`,
    "{ spec: { clusterIP: 10.1.0.1, ports: [{ name: http, port: 81, appProtocol: http }] } }",
  ],
  "v1/Service/demo/other": [
    "{ spec: { clusterIP: 10.1.0.1, ports: [{ port: 80 }] } }",
    "{ spec: { clusterIP: None } }",
  ],
  "v1/Pod/demo/web-1": [
    `{ metadata: { labels: { app: web, ${MESHED} } }, spec: { nodeName: n1, serviceAccountName: web }, status: { podIP: 10.0.0.1 } }`,
    `{ metadata: { labels: { app: web } }, spec: { nodeName: n2 }, status: { podIP: 10.0.0.1 } }`,
    `{ metadata: { labels: { app: other, ${MESHED} }, annotations: { config.meshctl.io/opaque-ports: "8080" } }, status: { phase: Succeeded, podIP: 10.0.0.1 } }`,
  ],
  "v1/Pod/demo/web-2": [
    `{ metadata: { labels: { app: web, ${MESHED} } }, spec: { nodeName: n2 }, status: { podIP: 10.0.0.2 } }`,
    `{ metadata: { labels: { app: web } }, status: { podIP: 10.0.0.1 } }`,
  ],
  "discovery.k8s.io/v1/EndpointSlice/demo/web-a": [
    slice(
      "{ addresses: [10.0.0.1], nodeName: n1, targetRef: { kind: Pod, name: web-1 }, hints: { forZones: [{ name: a }] } }",
    ),
    slice(
      "{ addresses: [10.0.0.1], nodeName: n1, targetRef: { kind: Pod, name: web-1 } }, { addresses: [10.0.0.9] }",
    ),
    slice("{ addresses: [10.0.0.1], conditions: { ready: false }, targetRef: { kind: Pod, name: web-1 } }"),
  ],
  "discovery.k8s.io/v1/EndpointSlice/demo/web-b": [
    slice(
      "{ addresses: [10.0.0.2], nodeName: n2, targetRef: { kind: Pod, name: web-2 }, hints: { forZones: [{ name: b }] } }",
    ),
    // It moves to another Service.
    slice("{ addresses: [10.0.0.2], targetRef: { kind: Pod, name: web-2 } }", "other"),
  ],
  "workload.meshctl.io/v1beta1/ExternalWorkload/demo/vm": [
    `{ metadata: { labels: { app: web } }, spec: { ${MTLS}, ports: [{ name: http, port: 9000 }], workloadIPs: [{ ip: 192.168.0.1 }] } }`,
    `{ metadata: { labels: { app: other } }, spec: { ${MTLS}, ports: [{ name: http, port: 8080 }], workloadIPs: [{ ip: 10.0.0.1 }] } }`,
    `{ metadata: { labels: { app: web } }, spec: { ${MTLS}, ports: [], workloadIPs: [{ ip: 192.168.0.1 }] }, status: { conditions: [{ type: Ready, status: "False" }] } }`,
  ],
  "meshctl.io/v1alpha2/ServiceProfile/demo/web.demo.svc.cluster.local": [
    "{ spec: { routes: [{ name: producer, condition: { method: GET } }] } }",
    "{ spec: { opaquePorts: ['80'] } }",
    "{ spec: { routes: [{ name: '' }] } }",
  ],
  "meshctl.io/v1alpha2/ServiceProfile/shop/web.demo.svc.cluster.local": [
    "{ spec: { routes: [{ name: consumer, condition: { method: GET } }] } }",
  ],
  "policy.meshctl.io/v1beta3/Server/demo/web": [
    "{ spec: { podSelector: { matchLabels: { app: web } }, port: 8080, proxyProtocol: opaque } }",
    "{ spec: { podSelector: { matchLabels: { app: other } }, port: 8080 } }",
    "{ spec: { externalWorkloadSelector: {}, port: http, proxyProtocol: opaque } }",
    "{ spec: { podSelector: {}, port: 8080, proxyProtocol: none } }",
  ],
  "policy.meshctl.io/v1alpha1/EgressNetwork/shop/all": [
    "{ spec: { trafficPolicy: Deny } }",
    "{ spec: { trafficPolicy: Allow, networks: [{ cidr: 203.0.113.0/24 }] } }",
    "{ spec: { trafficPolicy: Maybe } }",
  ],
  "gateway.networking.k8s.io/v1/HTTPRoute/demo/producer": [
    ROUTE("{ backendRefs: [{ name: other, port: 80 }] }"),
    ROUTE("{ matches: [{ path: { value: /a } }], timeouts: { backendRequest: 1s } }"),
    ROUTE("{ filters: [{ type: Unheard }] }"),
  ],
  "gateway.networking.k8s.io/v1/HTTPRoute/shop/consumer": [
    `{ spec: { parentRefs: [{ group: "", kind: Service, name: web, namespace: demo }], rules: [{}] } }`,
  ],
  "gateway.networking.k8s.io/v1/GRPCRoute/demo/grpc": [ROUTE("{ backendRefs: [{ name: web, port: 80 }] }")],
};
const IDS = Object.keys(STATES);

function slice(endpoints: string, service = "web"): string {
  return `{ metadata: { labels: { kubernetes.io/service-name: ${service} } }, addressType: IPv4, ports: [{ name: http, port: 8080 }], endpoints: [${endpoints}] }`;
}

let version = 0;
function objectOf(id: string, state: number): KubeObject {
  const parts = id.split("/");
  const name = parts.pop()!;
  const namespace = parts.pop()!;
  const kind = parts.pop()!;
  const states = STATES[id]!;
  const { metadata, ...rest } = parse(states[state % states.length]!) as Partial<KubeObject>;
  return {
    apiVersion: parts.join("/"),
    kind,
    ...rest,
    metadata: { ...metadata, name, ...(namespace && { namespace }), resourceVersion: String(++version) },
  };
}

const WEB = "web.demo.svc.cluster.local:80";
const CLIENT = `{"ns":"shop","nodeName":"n1","pod":"c"}`;
const SOURCE = `{"ns":"shop","pod":"c"}`;
const at = (ip: string, port: number) => ({ case: "addr" as const, value: encodeAddress(ip, port) });

/** What the clients of the property ask. */
const ASKED: readonly { readonly method: DescMethod; readonly request: object }[] = [
  { method: Destination.method.get, request: { path: WEB, contextToken: CLIENT } },
  { method: Destination.method.get, request: { path: WEB } },
  { method: Destination.method.getProfile, request: { path: WEB, contextToken: CLIENT } },
  { method: Destination.method.getProfile, request: { path: "10.1.0.1:80", contextToken: CLIENT } },
  { method: Destination.method.getProfile, request: { path: "10.0.0.1:8080" } },
  {
    method: OutboundPolicies.method.watch,
    request: { sourceWorkload: SOURCE, target: { case: "authority", value: WEB } },
  },
  { method: OutboundPolicies.method.watch, request: { sourceWorkload: SOURCE, target: at("10.1.0.1", 80) } },
  {
    method: OutboundPolicies.method.watch,
    request: { sourceWorkload: SOURCE, target: at("203.0.113.7", 443) },
  },
  {
    method: InboundServerPolicies.method.watchPort,
    request: { workload: `{"ns":"demo","pod":"web-1"}`, port: 8080 },
  },
  {
    method: InboundServerPolicies.method.watchPort,
    request: { workload: `{"ns":"demo","external_workload":"vm"}`, port: 8080 },
  },
];

/** A proxy: it asks, holds what it was told, and asks again when its call has ended. */
class Client {
  readonly #methods: readonly GrpcMethod[];
  readonly #asked: (typeof ASKED)[number];
  #call: TestCall;

  constructor(methods: readonly GrpcMethod[], asked: (typeof ASKED)[number]) {
    this.#methods = methods;
    this.#asked = asked;
    this.#call = this.#open();
  }

  askAgainIfOver(): void {
    if (this.#call.isOver) this.#call = this.#open();
  }

  leave(): void {
    this.#call.cancel();
  }

  /** As text: the endpoints, or the newest state, or why there is none. */
  get holds(): string {
    const { output } = this.#asked.method;
    const { frames, error } = this.#call;
    if (error) return `status ${error.code}`;
    if (output.typeName !== UpdateSchema.typeName) {
      const last = frames.at(-1);
      return last ? textOf(output, last) : "nothing";
    }
    const held = new Map<string, string>();
    for (const frame of frames) applyUpdate(held, decodeFrame(UpdateSchema, frame));
    return JSON.stringify([...held].sort());
  }

  #open(): TestCall {
    return TestCall.open(
      this.#methods,
      this.#asked.method,
      this.#asked.request as MessageInitShape<DescMessage>,
    );
  }
}

function applyUpdate(held: Map<string, string>, { update }: Update): void {
  const keyOf = (address: TcpAddress | undefined) => `${String(address?.ip?.ip.value)}:${address?.port}`;
  if (update.case === "noEndpoints") held.clear();
  for (const address of update.case === "add" ? update.value.addrs : []) {
    const { metricLabels } = address;
    held.set(
      keyOf(address.addr),
      JSON.stringify([
        Object.entries(metricLabels).sort(),
        address.tlsIdentity,
        address.protocolHint,
        address.weight,
      ]),
    );
  }
  for (const address of update.case === "remove" ? update.value.addrs : []) {
    assert.ok(held.delete(keyOf(address)), "an address was removed that was never added");
  }
}

function textOf(output: DescMessage, frame: Buffer): string {
  return JSON.stringify(toJson(output, decodeFrame(output, frame)));
}

type Step =
  | { readonly do: "apply"; readonly id: string; readonly state: number }
  | { readonly do: "delete" | "list"; readonly id: string }
  | { readonly do: "flush" };

const id = fc.constantFrom(...IDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("apply" as const), id, state: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("list" as const), id }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
);
/** What is there at first, in which order it comes. */
const start = fc.shuffledSubarray(IDS, { minLength: IDS.length - 4 });

function serve(index: ClusterIndex) {
  const views = new Views(index.topics);
  const shared = { index, views, settings: TEST_SETTINGS, ready: Promise.resolve() };
  const methods = [
    ...destinationMethods({ ...shared, metrics: createRegistry({ clock: new FakeClock() }) }),
    ...policyMethods({ ...shared, log: silentLogger }),
  ];
  return { views, methods };
}

/** Calls begin in a later turn. */
const begun = () => new Promise<void>((resolve) => setImmediate(resolve));

test("whatever happens to objects, in whatever order, every subscriber ends up with what a new one is told", async () => {
  await fc.assert(
    fc.asyncProperty(start, fc.array(step, { maxLength: 30 }), async (first, steps) => {
      const index = new ClusterIndex();
      const kindOf = (each: string) => each.split("/").slice(0, -2).join("/");
      const stores = new Map(IDS.map((each) => [kindOf(each), new Store(index)]));
      for (const store of stores.values())
        for (const type of ["init", "init-done"] as const) store.handle({ type });
      const cluster = new Map<string, KubeObject>();
      const apply = (each: string, state: number) => {
        const object = objectOf(each, state);
        cluster.set(each, object);
        stores.get(kindOf(each))!.handle({ type: "apply", object });
      };
      for (const each of first) apply(each, 0);
      const { methods, views } = serve(index);
      const clients = ASKED.map((asked) => new Client(methods, asked));
      await begun();
      for (const each of steps) {
        switch (each.do) {
          case "apply":
            apply(each.id, each.state);
            break;
          case "delete": {
            const object = cluster.get(each.id);
            cluster.delete(each.id);
            if (object) stores.get(kindOf(each.id))!.handle({ type: "delete", object });
            break;
          }
          case "list": {
            // The watch starts anew, perhaps after a deletion that it never told.
            const store = stores.get(kindOf(each.id))!;
            cluster.delete(each.id);
            store.handle({ type: "init" });
            for (const [other, object] of cluster) {
              if (kindOf(other) === kindOf(each.id)) store.handle({ type: "init-apply", object });
            }
            store.handle({ type: "init-done" });
            break;
          }
          case "flush":
            index.topics.flush();
            for (const client of clients) client.askAgainIfOver();
        }
      }
      index.topics.flush();
      for (const client of clients) client.askAgainIfOver();
      await begun();

      const fresh = new ClusterIndex();
      for (const object of cluster.values()) fresh.apply(object);
      const other = serve(fresh);
      const newcomers = ASKED.map((asked) => new Client(other.methods, asked));
      await begun();
      for (const [at, client] of clients.entries()) {
        const { method, request } = ASKED[at]!;
        // Endpoints of a Service that is gone: who follows it is told that there are none, who asks anew that there is no Service.
        const expected = newcomers[at]!.holds;
        const isGone = method === Destination.method.get && expected === "status 5" && client.holds === "[]";
        if (!isGone) assert.equal(client.holds, expected, `${method.name} ${JSON.stringify(request)}`);
      }
      for (const client of [...clients, ...newcomers]) client.leave();
      assert.equal(views.size, 0, "a view was left behind");
      assert.equal(index.topics.size, 0, "topics were left behind");
    }),
    { numRuns: 150 },
  );
});
