import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Identity } from "../../../src/api/gen/io/linkerd/proxy/identity_pb.js";
import { InboundServerPolicies } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { systemClock } from "../../../src/base/clock.ts";
import type { ProxyDependencies } from "../../../src/proxy/dependencies.ts";
import { liveProxy } from "../../../src/proxy/life.ts";
import type { ProxySide } from "../../../src/proxy/proxy-side.ts";
import { type FakeControlPlane, startFakeControlPlane } from "../../support/fake-control-plane.ts";
import { freePort } from "../../support/free-port.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";
import { until } from "../../support/until.ts";

const NAME = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
const IDENTITY = "meshctl-identity.meshctl.serviceaccount.identity.meshctl.cluster.local";
let ca: TestMeshCa;
before(async () => {
  ca = await createTestMeshCa();
});

/** A side that only notes what it is told. */
function fakeSide(name: string, notes: string[], onDrain: () => Promise<void> = async () => {}): ProxySide {
  return {
    bind: async () => void notes.push(`${name} bound`),
    start: () => void notes.push(`${name} started`),
    async drain() {
      notes.push(`${name} draining`);
      await onDrain();
    },
    close: () => void notes.push(`${name} closed`),
  };
}

interface RunningProxy {
  readonly notes: string[];
  readonly stderr: () => string;
  readonly exit: Promise<number>;
  readonly stop: () => void;
  readonly adminPort: number;
  readonly dependencies: ProxyDependencies;
}

async function run(
  t: TestContext,
  planes: { identity: FakeControlPlane; controller: FakeControlPlane },
  overrides: Record<string, string> = {},
  onDrain?: () => Promise<void>,
): Promise<RunningProxy> {
  const directory = await mkdtemp(join(tmpdir(), "meshctl-life-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, "token"), "a-token\n");
  const adminPort = await freePort();
  const env = {
    // Not 127.0.0.1, so that the control plane counts as another host and TLS is on.
    MESHCTL_PROXY_OWN_NETWORKS: "127.9.9.9/32",
    MESHCTL_PROXY_IDENTITY_LOCAL_NAME: NAME,
    MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS: ca.anchorsPem,
    MESHCTL_PROXY_IDENTITY_TOKEN_FILE: join(directory, "token"),
    MESHCTL_PROXY_IDENTITY_SVC_ADDR: `127.0.0.1:${planes.identity.port}`,
    MESHCTL_PROXY_IDENTITY_SVC_NAME: IDENTITY,
    MESHCTL_PROXY_DESTINATION_SVC_ADDR: `127.0.0.1:${planes.controller.port}`,
    MESHCTL_PROXY_DESTINATION_SVC_NAME: CONTROLLER,
    MESHCTL_PROXY_POLICY_SVC_ADDR: `127.0.0.1:${planes.controller.port}`,
    MESHCTL_PROXY_POLICY_SVC_NAME: CONTROLLER,
    MESHCTL_PROXY_POLICY_WORKLOAD: '{"ns":"demo","pod":"web-1"}',
    MESHCTL_PROXY_INBOUND_PORTS: "8080",
    MESHCTL_PROXY_ADMIN_LISTEN_ADDR: `127.0.0.1:${adminPort}`,
    ...overrides,
  };
  const notes: string[] = [];
  let stderr = "";
  let dependencies: ProxyDependencies | undefined;
  const stop = new AbortController();
  const bound = Promise.withResolvers<void>();
  const exit = liveProxy(
    env,
    {
      stderr: (text) => {
        stderr += text;
        if (text.includes("meshctl proxy")) bound.resolve();
      },
      clock: systemClock,
      random: Math.random,
    },
    stop.signal,
    {
      createInbound: (given) => {
        dependencies = given;
        return fakeSide("inbound", notes, onDrain);
      },
      createOutbound: () => fakeSide("outbound", notes),
    },
  );
  t.after(async () => {
    stop.abort();
    await exit;
  });
  await Promise.race([bound.promise, exit]);
  return {
    notes,
    stderr: () => stderr,
    exit,
    stop: () => stop.abort(),
    adminPort,
    dependencies: dependencies!,
  };
}

async function startPlanes(t: TestContext) {
  const identity = await startFakeControlPlane({ credentials: await ca.credentials(IDENTITY) });
  const controller = await startFakeControlPlane({ credentials: await ca.credentials(CONTROLLER) });
  t.after(async () => {
    await identity.close();
    await controller.close();
  });
  return { identity, controller };
}

const statusOf = async (port: number, path: string, method = "GET") =>
  (await fetch(`http://127.0.0.1:${port}${path}`, { method })).status;

test("proxy binds at once, accepts after the first certificate and policies, and drains when told", async (t) => {
  const planes = await startPlanes(t);
  const proxy = await run(t, planes);
  const call = await planes.identity.next(Identity.method.certify);
  assert.deepEqual(proxy.notes, ["inbound bound", "outbound bound"]);
  assert.equal(await statusOf(proxy.adminPort, "/live"), 200);
  assert.equal(await statusOf(proxy.adminPort, "/ready"), 503);
  assert.equal(call.peer, "", "the first request has no client certificate");
  assert.equal(call.request.identity, NAME);
  assert.equal(Buffer.from(call.request.token).toString(), "a-token");

  const { leafDer, chainDer } = await ca.sign(call.request.certificateSigningRequest);
  call.send({
    leafCertificate: leafDer,
    intermediateCertificates: chainDer,
    validUntil: timestampFromMs(Date.now() + 3_600_000),
  });
  call.end();
  // Streams start with the certificate, and show it.
  const watch = await planes.controller.next(InboundServerPolicies.method.watchPort);
  assert.equal(watch.peer, NAME);
  assert.deepEqual([watch.request.port, watch.request.workload], [8080, '{"ns":"demo","pod":"web-1"}']);
  assert.deepEqual(proxy.notes.slice(2), [], "a probe would meet the default policy, which knows none");
  assert.equal(await statusOf(proxy.adminPort, "/ready"), 503);
  watch.send({ protocol: { kind: { case: "opaque", value: {} } } });
  await until("the sides to start", () => proxy.notes.length === 4);
  assert.deepEqual(proxy.notes.slice(2), ["inbound started", "outbound started"]);
  await until("ready", async () => (await statusOf(proxy.adminPort, "/ready")) === 200);

  proxy.stop();
  assert.equal(await proxy.exit, 0);
  assert.deepEqual(proxy.notes.slice(4), [
    "inbound draining",
    "outbound draining",
    "inbound closed",
    "outbound closed",
  ]);
});

test("proxy starts with the default policy when the control plane says nothing", async (t) => {
  const planes = await startPlanes(t);
  const proxy = await run(t, planes);
  const call = await planes.identity.next(Identity.method.certify);
  const { leafDer, chainDer } = await ca.sign(call.request.certificateSigningRequest);
  call.send({
    leafCertificate: leafDer,
    intermediateCertificates: chainDer,
    validUntil: timestampFromMs(Date.now() + 3_600_000),
  });
  call.end();
  await planes.controller.next(InboundServerPolicies.method.watchPort);
  await until("ready", async () => (await statusOf(proxy.adminPort, "/ready")) === 200);
  assert.deepEqual(proxy.notes.slice(2), ["inbound started", "outbound started"]);
});

test("proxy stops before it ever had a certificate", async (t) => {
  const planes = await startPlanes(t);
  const proxy = await run(t, planes);
  await planes.identity.next(Identity.method.certify);
  proxy.stop();
  assert.equal(await proxy.exit, 0);
  assert.ok(!proxy.notes.includes("inbound started"));
});

test("proxy shuts down by its admin port when that is enabled", async (t) => {
  const planes = await startPlanes(t);
  const proxy = await run(t, planes, {
    MESHCTL_PROXY_SHUTDOWN_ENDPOINT_ENABLED: "true",
    MESHCTL_PROXY_OWN_NETWORKS: "127.9.9.9/32,127.0.0.1/32",
  });
  assert.equal(await statusOf(proxy.adminPort, "/shutdown", "POST"), 200);
  assert.equal(await proxy.exit, 0);
});

test("proxy with a wrong environment names each variable and exits 64", async (t) => {
  const planes = await startPlanes(t);
  const proxy = await run(t, planes, {
    MESHCTL_PROXY_INBOUND_CONNECT_TIMEOUT: "5",
    MESHCTL_PROXY_INBOUND_DEFAULT_POLICY: "allow",
  });
  assert.equal(await proxy.exit, 64);
  assert.match(proxy.stderr(), /ERROR MESHCTL_PROXY_INBOUND_CONNECT_TIMEOUT="5": expected a duration/);
  assert.match(proxy.stderr(), /ERROR MESHCTL_PROXY_INBOUND_DEFAULT_POLICY="allow": expected one of deny, /);
  assert.match(proxy.stderr(), /^Invalid configuration: 2 of the proxy's variables cannot be used$/m);
});

test("proxy that cannot bind says why and exits 1", async (t) => {
  const planes = await startPlanes(t);
  const proxy = await run(t, planes, {
    MESHCTL_PROXY_ADMIN_LISTEN_ADDR: `127.0.0.1:${planes.identity.port}`,
  });
  assert.equal(await proxy.exit, 1);
  assert.match(proxy.stderr(), /^Initialization failure: .*EADDRINUSE/m);
  assert.ok(proxy.notes.includes("inbound closed"));
});

test("proxy warns about variables that it does not honour", async (t) => {
  const planes = await startPlanes(t);
  const proxy = await run(t, planes, {
    LINKERD2_PROXY_DESTINATION_PROFILE_INITIAL_TIMEOUT: "1s",
    MESHCTL_PROXY_INBOUND_PROTS: "80",
  });
  assert.match(
    proxy.stderr(),
    /WARN\s+set, but not honoured by this version: LINKERD2_PROXY_DESTINATION_PROFILE_INITIAL_TIMEOUT/,
  );
  assert.match(proxy.stderr(), /WARN\s+set, but unknown \(a typing error\?\): MESHCTL_PROXY_INBOUND_PROTS/);
});
