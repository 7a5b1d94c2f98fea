import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SpiffeWorkloadAPI } from "../../../src/api/gen/spiffe/workload_pb.js";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { RefreshEvent } from "../../../src/identity/mesh-credentials.ts";
import { createSpireCredentials } from "../../../src/proxy/spire-client.ts";
import { startFakeControlPlane } from "../../support/fake-control-plane.ts";
import { createTestMeshCa } from "../../support/test-mesh-ca.ts";
import { issueSvid } from "../../support/test-svid.ts";
import { until } from "../../support/until.ts";

const WEB = "spiffe://mesh.example/web";
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;

async function follow(context: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "meshctl-spire-client-"));
  const socketPath = join(directory, "agent.sock");
  const events: RefreshEvent[] = [];
  const credentials = createSpireCredentials({
    localName: WEB,
    serverName: "web.mesh.example",
    socketPath,
    backoff: { minMs: 1, maxMs: 2, jitterRatio: 0 },
    connectTimeoutMs: 5000,
    clock: systemClock,
    random: () => 0,
    log: silentLogger,
    onRefresh: (event) => events.push(event),
  });
  const stop = new AbortController();
  const over = credentials.start(stop.signal);
  const codes = () => events.map((event) => (event.kind === "failed" ? event.error.code : event.kind));
  context.after(async () => {
    stop.abort();
    await over;
    await rm(directory, { recursive: true, force: true });
  });
  const startAgent = async () => {
    const agent = await startFakeControlPlane({ path: socketPath });
    context.after(() => agent.close());
    return agent;
  };
  return { credentials, over, codes, startAgent, socketPath, events };
}

test("a proxy that starts before SPIRE, or before it is registered there, waits for both", async (context) => {
  const { credentials, codes, startAgent, socketPath, events } = await follow(context);
  await until("an attempt without a socket", () => codes().length > 0);
  assert.equal(codes()[0], "CONTROL_SOCKET_FAILED");
  const [first] = events;
  assert.ok(first?.kind === "failed");
  assert.equal(first.error.message, `cannot connect to the Unix socket ${socketPath}: ENOENT`);
  const agent = await startAgent();
  const { fetchX509SVID } = SpiffeWorkloadAPI.method;
  const refused = await agent.next(fetchX509SVID);
  assert.equal(refused.headers[":authority"] ?? refused.headers.host, "localhost");
  refused.end(PERMISSION_DENIED, "no identity issued");
  const call = await agent.next(fetchX509SVID);
  assert.ok(codes().includes("CONTROL_PERMISSION_DENIED"));
  const { spiffeId, certificatesDer, keyDer, bundleDer } = await issueSvid(await createTestMeshCa(), WEB);
  call.send({ svids: [{ spiffeId, x509Svid: certificatesDer, x509SvidKey: keyDer, bundle: bundleDer }] });
  await credentials.ready;
  assert.ok(credentials.current());
});

test("after InvalidArgument SPIRE is not asked again", async (context) => {
  const { over, codes, startAgent } = await follow(context);
  const agent = await startAgent();
  const call = await agent.next(SpiffeWorkloadAPI.method.fetchX509SVID);
  call.end(INVALID_ARGUMENT, "no");
  await over;
  assert.equal(codes().at(-1), "CONTROL_INVALID_ARGUMENT");
});
