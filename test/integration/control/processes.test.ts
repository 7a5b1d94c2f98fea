import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { GetDestinationSchema, UpdateSchema } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { PortSpecSchema, ServerSchema } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { systemClock } from "../../../src/base/clock.ts";
import { createLogger, type Logger } from "../../../src/base/log.ts";
import { runIdentity } from "../../../src/control/identity/run-identity.ts";
import { runController } from "../../../src/control/run-controller.ts";
import { meshClientOptions } from "../../../src/identity/mesh-tls.ts";
import { generateWebhookCertificate } from "../../../src/install/credentials.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import { createKubeClient } from "../../../src/kube/connect.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { valuesToYaml } from "../../../src/values/yaml.ts";
import { createTestAuthority } from "../../support/mesh-authority.ts";
import { openRawGrpc } from "../../support/raw-grpc.ts";
import { startServer } from "../apiserver/support.ts";

const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
const WEB = "web.demo.serviceaccount.identity.meshctl.cluster.local";

/** A log that tells on which port a server listens, as soon as it says so. */
function listeningLog(): { log: Logger; port(server: string): Promise<number>; text(): string } {
  let text = "";
  const waiting: { server: string; resolve: (port: number) => void }[] = [];
  const find = (server: string): number | undefined => {
    const match = new RegExp(`listening server=${server} port=(\\d+)`).exec(text);
    return match ? Number(match[1]) : undefined;
  };
  const log = createLogger({
    level: "debug",
    format: "plain",
    now: () => 0,
    write(line) {
      text += line;
      for (const { server, resolve } of waiting) {
        const port = find(server);
        if (port !== undefined) resolve(port);
      }
    },
  });
  return {
    log,
    text: () => text,
    port: (server) =>
      new Promise((resolve) => {
        const known = find(server);
        if (known !== undefined) resolve(known);
        else waiting.push({ server, resolve });
      }),
  };
}

async function startControlPlane(t: TestContext) {
  const server = await startServer(t);
  const directory = await mkdtemp(join(tmpdir(), "meshctl-control-"));
  const client = await createKubeClient({
    kubeconfig: server.kubeconfigPath,
    context: undefined,
    as: undefined,
    asGroups: [],
    env: {},
  });
  const create = (path: string, body: object) => client.request("POST", path, { body });
  await create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "meshctl" } });
  await create("/api/v1/namespaces/meshctl/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "meshctl-controller" },
  });
  const token = await client.request<{ status: { token: string } }>(
    "POST",
    "/api/v1/namespaces/meshctl/serviceaccounts/meshctl-controller/token",
    {
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { audiences: ["identity.l5d.io"], expirationSeconds: 3600 },
      },
    },
  );
  const authority = await createTestAuthority();
  const webhook = await generateWebhookCertificate("meshctl-injector.meshctl.svc", Date.now());
  const file = (name: string) => join(directory, name);
  await writeFile(file("crt.pem"), authority.anchor.certificatePem);
  await writeFile(file("key.pem"), authority.anchor.privateKeyPem);
  await writeFile(file("ca-bundle.crt"), authority.anchor.certificatePem);
  await writeFile(file("tls.crt"), webhook.certificatePem);
  await writeFile(file("tls.key"), webhook.privateKeyPem);
  await writeFile(file("token"), token.status.token);
  await writeFile(file("values"), valuesToYaml(defaultValues("1.2.3")));

  const stopping = new AbortController();
  const logs = listeningLog();
  const shared = {
    client,
    clock: systemClock,
    random: () => 0.5,
    log: logs.log,
    signal: stopping.signal,
    listenHost: "127.0.0.1",
    adminPort: 0,
    namespace: "meshctl",
    trustDomain: "cluster.local",
    trustRootsFile: file("ca-bundle.crt"),
  };
  const identity = runIdentity({
    ...shared,
    port: 0,
    issuerDir: directory,
    lifetimeMs: 3_600_000,
    skewMs: 20_000,
  });
  const identityPort = await logs.port("identity");
  const controller = runController({
    ...shared,
    clusterDomain: "cluster.local",
    clusterNetworks: [],
    ports: { destination: 0, policy: 0, injector: 0 },
    valuesFile: file("values"),
    tlsDir: directory,
    tokenFile: file("token"),
    identity: { host: "127.0.0.1", port: identityPort },
    dnsServers: [],
    defaultInboundPolicy: undefined,
    defaultOpaquePorts: undefined,
  });
  t.after(async () => {
    stopping.abort();
    await Promise.allSettled([identity, controller]);
    client.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { client, authority, logs, stopping, identity, controller, create };
}

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
