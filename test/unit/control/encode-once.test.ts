import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import { parseAllDocuments } from "yaml";
import { Destination } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { InboundServerPolicies } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { OutboundPolicies } from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { destinationMethods } from "../../../src/control/destination/destination-methods.ts";
import { ClusterIndex } from "../../../src/control/index/cluster-index.ts";
import { Views } from "../../../src/control/index/view.ts";
import { policyMethods } from "../../../src/control/policy/policy-methods.ts";
import { createRegistry } from "../../../src/metrics/registry.ts";
import { FakeClock, settle } from "../../support/clock.ts";
import { TestCall } from "../../support/test-call.ts";
import { TEST_SETTINGS } from "./settings.ts";

const OBJECTS = `
{ apiVersion: v1, kind: Node, metadata: { name: n1, labels: { topology.kubernetes.io/zone: a } } }
---
{ apiVersion: v1, kind: Node, metadata: { name: n2, labels: { topology.kubernetes.io/zone: a } } }
---
{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: demo }, spec: { clusterIP: 10.1.0.1, ports: [{ port: 80 }] } }
---
{ apiVersion: v1, kind: Pod, metadata: { name: web-1, namespace: demo, labels: { app: web } }, spec: { containers: [] } }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: demo, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: "", port: 8080 }]
endpoints: [{ addresses: [10.2.0.1], targetRef: { kind: Pod, name: web-1, namespace: demo } }]
`;

/** A change that every stream below is told of. */
const CHANGE = `
{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: demo, annotations: { config.meshctl.io/opaque-ports: "80" } }, spec: { clusterIP: 10.1.0.1, ports: [{ port: 80 }] } }
---
{ apiVersion: v1, kind: Pod, metadata: { name: web-1, namespace: demo, labels: { app: web2 }, annotations: { config.meshctl.io/default-inbound-policy: deny } }, spec: { serviceAccountName: other, containers: [] } }
`;

const path = "web.demo.svc.cluster.local:80";

/** For each method, what two clients ask whose answers are equal: two pods on two nodes of a zone. */
const ASKED: readonly [method: DescMethod, first: object, second: object][] = [
  [
    Destination.method.get,
    { path, contextToken: `{"ns":"shop","nodeName":"n1","pod":"a"}` },
    { path, contextToken: `{"ns":"blog","nodeName":"n2","pod":"b"}` },
  ],
  [
    Destination.method.getProfile,
    { path, contextToken: `{"ns":"shop","nodeName":"n1","pod":"a"}` },
    { path, contextToken: `{"ns":"shop","nodeName":"n2","pod":"b"}` },
  ],
  [
    OutboundPolicies.method.watch,
    { sourceWorkload: `{"ns":"shop","pod":"a"}`, target: { case: "authority", value: path } },
    { sourceWorkload: `{"ns":"shop","pod":"b"}`, target: { case: "authority", value: path } },
  ],
  [
    InboundServerPolicies.method.watchPort,
    { workload: `{"ns":"demo","pod":"web-1"}`, port: 8080 },
    { workload: `{"ns":"demo","pod":"web-1"}`, port: 8080 },
  ],
];

function apply(index: ClusterIndex, text: string): void {
  for (const document of parseAllDocuments(text)) index.apply(document.toJS() as KubeObject);
}

for (const [method, first, second] of ASKED) {
  test(`${method.parent.name}.${method.name} sends all its subscribers the same bytes, encoded once`, async () => {
    const index = new ClusterIndex();
    const shared = {
      index,
      views: new Views(index.topics),
      settings: TEST_SETTINGS,
      ready: Promise.resolve(),
    };
    const methods = [
      ...destinationMethods({ ...shared, metrics: createRegistry({ clock: new FakeClock() }) }),
      ...policyMethods({ ...shared, log: silentLogger }),
    ];
    apply(index, OBJECTS);
    const open = (request: object) =>
      TestCall.open(methods, method, request as MessageInitShape<DescMessage>);
    const calls = [open(first), open(second)] as const;
    await settle();
    apply(index, CHANGE);
    index.topics.flush();
    const [one, other] = calls;
    assert.equal(one.error ?? other.error, undefined);
    assert.ok(one.frames.length >= 2, "the change was not told");
    assert.equal(one.frames.length, other.frames.length);
    // Not equal bytes: the same.
    for (const [at, frame] of one.frames.entries()) assert.equal(frame, other.frames[at]);
    for (const call of calls) call.cancel();
    assert.equal(shared.views.size, 0);
  });
}
