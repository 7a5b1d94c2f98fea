import assert from "node:assert/strict";
import { test } from "node:test";
import { GetDestinationSchema, UpdateSchema } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { PortSpecSchema, ServerSchema } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { meshClientOptions } from "../../../src/identity/mesh-tls.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import { openRawGrpc } from "../../support/raw-grpc.ts";
import { startControlPlane } from "./start-control-plane.ts";

const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
const WEB = "web.demo.serviceaccount.identity.meshctl.cluster.local";

async function createWeb(client: KubeClient): Promise<void> {
  const post = (path: string, body: object) => client.request("POST", path, { body });
  await post("/api/v1/namespaces/demo/services", {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  await post("/api/v1/namespaces/demo/pods", {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1", labels: { app: "web", "meshctl.io/control-plane-ns": "meshctl" } },
    spec: { containers: [{ name: "app", image: "app" }] },
  });
  await post("/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices", {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ name: "", port: 8080 }],
    endpoints: [{ addresses: ["10.0.0.1"], targetRef: { kind: "Pod", name: "web-1", namespace: "demo" } }],
  });
}

test("controller gets its certificate by token review, streams endpoints and policy from the API server, and ends streams when it stops", async (t) => {
  const { client, authority, logs, stopping, identity, controller } = await startControlPlane(t);
  const credentials = await authority.credentials(WEB);
  const target = { serverName: CONTROLLER, expectIdentity: CONTROLLER };
  const destination = await openRawGrpc(
    await logs.port("destination"),
    meshClientOptions(credentials, target),
  );
  const policy = await openRawGrpc(await logs.port("policy"), meshClientOptions(credentials, target));
  t.after(() => {
    destination.close();
    policy.close();
  });
  await createWeb(client);

  // The watch brings the Service when it does; until then the answer is NOT_FOUND, and a proxy asks again.
  const get = () =>
    destination.call("/io.linkerd.proxy.destination.Destination/Get", GetDestinationSchema, UpdateSchema, {
      path: "web.demo.svc.cluster.local:80",
    });
  let updates = get();
  while (
    !(await updates.until(1).then(
      () => true,
      () => false,
    ))
  ) {
    assert.equal((await updates.ended).status, "5", logs.text());
    updates = get();
  }
  const isAdd = () => updates.messages.at(-1)?.update.case === "add";
  for (let count = 2; !isAdd(); count++) await updates.until(count);
  const added = updates.messages.at(-1)!;
  assert.ok(added.update.case === "add");
  const [address] = added.update.value.addrs;
  assert.equal(address?.addr?.port, 8080);
  assert.equal(
    address.tlsIdentity?.serverName?.name,
    "default.demo.serviceaccount.identity.meshctl.cluster.local",
  );

  const ports = policy.call(
    "/io.linkerd.proxy.inbound.InboundServerPolicies/WatchPort",
    PortSpecSchema,
    ServerSchema,
    {
      workload: JSON.stringify({ ns: "demo", pod: "web-1" }),
      port: 8080,
    },
  );
  await ports.until(1);
  assert.equal(ports.messages[0]!.labels.name, "all-unauthenticated");

  await client.request("DELETE", "/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices/web-1");
  await updates.until(updates.messages.length + 1);
  assert.equal(updates.messages.at(-1)!.update.case, "noEndpoints");

  stopping.abort();
  assert.equal((await updates.ended).status, "14");
  assert.equal((await ports.ended).status, "14");
  await Promise.all([identity, controller]);
});
