import assert from "node:assert/strict";
import { test } from "node:test";
import { toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  type Update,
  UpdateSchema,
  WeightedAddrSchema,
} from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import type { TcpAddress } from "../../../src/api/gen/io/linkerd/proxy/net_pb.js";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import type { ControlSettings } from "../../../src/control/control-settings.ts";
import { UpdateEncoder } from "../../../src/control/destination/encode-update.ts";
import { EndpointsSubscription } from "../../../src/control/destination/endpoints-subscription.ts";
import { ClusterIndex } from "../../../src/control/index/cluster-index.ts";
import { Views } from "../../../src/control/index/view.ts";
import { decodeFrame } from "../../../src/control/serve/grpc-method.ts";

const SETTINGS: ControlSettings = {
  namespace: "meshctl",
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  clusterNetworks: [],
  defaultInboundPolicy: "all-unauthenticated",
  defaultOpaquePorts: [],
  enableH2Upgrade: false,
  enableIpv6: false,
  inboundPort: 4143,
};
const TARGET = { namespace: "demo", service: "web", port: 80, hostname: undefined, nodeName: "n0" };

type Step =
  | { readonly do: "pod"; readonly pod: number; readonly meshed: boolean }
  | { readonly do: "no pod"; readonly pod: number }
  | {
      readonly do: "slice";
      readonly slice: number;
      readonly pods: readonly number[];
      readonly ready: boolean;
    }
  | { readonly do: "no slice"; readonly slice: number }
  | { readonly do: "service" | "node-local service" | "no service" }
  | { readonly do: "node"; readonly zone: string }
  | { readonly do: "flush" };

const pod = fc.integer({ min: 0, max: 3 });
const slice = fc.integer({ min: 0, max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("pod" as const), pod, meshed: fc.boolean() }),
  fc.record({ do: fc.constant("no pod" as const), pod }),
  fc.record({ do: fc.constant("slice" as const), slice, pods: fc.uniqueArray(pod), ready: fc.boolean() }),
  fc.record({ do: fc.constant("no slice" as const), slice }),
  fc.record({
    do: fc.constantFrom("service" as const, "node-local service" as const, "no service" as const),
  }),
  fc.record({ do: fc.constant("node" as const), zone: fc.constantFrom("a", "b") }),
  fc.record({ do: fc.constant("flush" as const) }),
);

const object = (kind: string, name: string, rest: object): KubeObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace: "demo", ...(rest as { metadata?: object }).metadata },
  ...Object.fromEntries(Object.entries(rest).filter(([key]) => key !== "metadata")),
});
const podObject = (number: number, meshed: boolean) =>
  object("Pod", `web-${number}`, {
    metadata: { labels: meshed ? { "meshctl.io/control-plane-ns": "meshctl" } : {} },
    spec: { nodeName: "n0" },
  });
const sliceObject = (number: number, pods: readonly number[], ready: boolean) =>
  object("EndpointSlice", `slice-${number}`, {
    metadata: { labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ name: "", port: 8080 }],
    endpoints: pods.map((each) => ({
      addresses: [`10.0.0.${each}`],
      conditions: { ready },
      nodeName: `n${each % 2}`,
      targetRef: { kind: "Pod", name: `web-${each}`, namespace: "demo" },
    })),
  });
const service = (internalTrafficPolicy: string) =>
  object("Service", "web", { spec: { clusterIP: "None", internalTrafficPolicy, ports: [{ port: 80 }] } });

function run(index: ClusterIndex, action: Step): void {
  switch (action.do) {
    case "pod":
      index.apply(podObject(action.pod, action.meshed));
      return;
    case "no pod":
      index.delete(podObject(action.pod, false));
      return;
    case "slice":
      index.apply(sliceObject(action.slice, action.pods, action.ready));
      return;
    case "no slice":
      index.delete(sliceObject(action.slice, [], true));
      return;
    case "service":
      index.apply(service("Cluster"));
      return;
    case "node-local service":
      index.apply(service("Local"));
      return;
    case "no service":
      index.delete(service("Cluster"));
      return;
    case "node":
      index.apply(
        object("Node", "n0", { metadata: { labels: { "topology.kubernetes.io/zone": action.zone } } }),
      );
      return;
    case "flush":
      index.topics.flush();
      return;
  }
}

/** What a proxy holds after these updates (reference proxy-api 6.2). */
class Client {
  readonly held = new Map<string, string>();

  receive({ update }: Update): void {
    if (update.case === "noEndpoints") this.held.clear();
    for (const address of update.case === "add" ? update.value.addrs : []) {
      this.held.set(keyOf(address.addr), toJsonString(WeightedAddrSchema, address));
    }
    for (const address of update.case === "remove" ? update.value.addrs : []) {
      assert.ok(this.held.delete(keyOf(address)), "an address was removed that was never added");
    }
  }
}

const keyOf = (address: TcpAddress | undefined) => `${String(address?.ip?.ip.value)}:${address?.port}`;

test("a client that follows the changes holds what a new client is told, after any history", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const index = new ClusterIndex();
      const views = new Views(index.topics);
      const encoder = new UpdateEncoder();
      const follower = new Client();
      const readers = { index, views, settings: SETTINGS };
      const subscription = new EndpointsSubscription(readers, TARGET, (next, previous) => {
        for (const frame of encoder.change(next, previous))
          follower.receive(decodeFrame(UpdateSchema, frame));
      });
      follower.receive(decodeFrame(UpdateSchema, encoder.first(subscription.current)));
      for (const action of steps) run(index, action);
      index.topics.flush();

      const fresh = new Client();
      const other = new EndpointsSubscription(
        { ...readers, views: new Views(index.topics) },
        TARGET,
        () => {},
      );
      fresh.receive(decodeFrame(UpdateSchema, new UpdateEncoder().first(other.current)));
      const sorted = (client: Client) => [...client.held].sort();
      assert.deepEqual(sorted(follower), sorted(fresh));
      subscription.close();
      other.close();
      assert.equal(views.size, 0, "a subscription that ended left its view behind");
      assert.equal(index.topics.size, 0, "a view that ended left its topics behind");
    }),
    { numRuns: 300 },
  );
});
