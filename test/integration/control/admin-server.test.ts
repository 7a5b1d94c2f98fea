import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { readOwnNetworks } from "../../../src/control/own-networks.ts";
import { startAdminServer } from "../../../src/control/serve/admin-server.ts";
import { createRegistry } from "../../../src/metrics/registry.ts";
import { FakeClock } from "../../support/clock.ts";

test("the control plane's admin port has probes and metrics, and nothing else", async (t) => {
  let missing: readonly string[] = ["certificate: none yet", "pods: not listed yet"];
  const metrics = createRegistry({ clock: new FakeClock() });
  metrics.gauge("cache_size", "Objects that are watched").set(3, { kind: "pods" });
  const server = await startAdminServer({
    host: "127.0.0.1",
    port: 0,
    notReady: () => missing,
    metrics,
    ownNetworks: [],
  });
  t.after(() => server.stop());
  const get = async (path: string, method = "GET") => {
    const reply = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [reply.status, await reply.text()] as const;
  };
  assert.deepEqual(await get("/live"), [200, "live\n"]);
  assert.deepEqual(await get("/ready"), [503, "certificate: none yet\npods: not listed yet\n"]);
  missing = [];
  assert.deepEqual(await get("/ready"), [200, "ready\n"]);
  assert.match((await get("/metrics"))[1], /cache_size\{kind="pods"\} 3/);
  for (const path of ["/", "/env.json", "/shutdown", "/debug/pprof/", "/values", "/../etc/passwd"]) {
    assert.equal((await get(path))[0], 404, path);
    assert.equal((await get(path, "POST"))[0], 404, path);
  }
});

/** Asks for `/debug/state` from an address of this machine. */
async function askState(
  host: string,
  port: number,
  localAddress: string,
): Promise<readonly [number, string]> {
  const request = http.request({ host, port, path: "/debug/state", localAddress, agent: false });
  request.end();
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  let text = "";
  for await (const chunk of response) text += chunk;
  return [response.statusCode!, text];
}

const REFUSED = [403, "only from this host: use a port-forward\n"] as const;

test("the state of things is told to the own host, and to nobody else", {
  skip: process.platform !== "linux" && "needs all of 127.0.0.0/8",
}, async (t) => {
  const start = async (own: string | undefined) => {
    const server = await startAdminServer({
      host: "0.0.0.0",
      port: 0,
      notReady: () => [],
      metrics: createRegistry({ clock: new FakeClock() }),
      ownNetworks: readOwnNetworks({ MESHCTL_PROXY_OWN_NETWORKS: own }),
      debugState: () => ({ objects: { pods: 3 } }),
    });
    t.after(() => server.stop());
    return server.port;
  };
  const told = [200, '{\n "objects": {\n  "pods": 3\n }\n}\n'] as const;
  const usual = await start(undefined);
  assert.deepEqual(await askState("127.0.0.1", usual, "127.0.0.1"), told);
  // All of loopback is this host, unless other pods live there.
  assert.deepEqual(await askState("127.0.0.1", usual, "127.0.0.2"), told);
  const shared = await start("127.0.0.3/32, 127.0.0.4/32");
  assert.deepEqual(await askState("127.0.0.3", shared, "127.0.0.4"), told);
  assert.deepEqual(await askState("127.0.0.3", shared, "127.0.0.2"), REFUSED);
  assert.deepEqual(await askState("127.0.0.3", shared, "127.0.0.1"), REFUSED);
  // Who asks itself.
  assert.deepEqual(await askState("127.0.0.5", shared, "127.0.0.5"), told);

  const other = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === "IPv4" && !address.internal);
  if (!other) return t.diagnostic("this machine has no address that is not loopback");
  assert.deepEqual(await askState(other.address, usual, other.address), told);
  // As from another machine: the address is no loopback, and not the one that was asked.
  assert.deepEqual(await askState("127.0.0.1", usual, other.address), REFUSED);
});

test("networks of the own host that are none are refused", () => {
  assert.throws(() => readOwnNetworks({ MESHCTL_PROXY_OWN_NETWORKS: "127.0.0.1/32,here" }), {
    code: "CONTROL_OWN_NETWORKS",
    message: 'MESHCTL_PROXY_OWN_NETWORKS: "here" is no network',
  });
});
