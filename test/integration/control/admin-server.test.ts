import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { startAdminServer } from "../../../src/control/serve/admin-server.ts";
import { createRegistry } from "../../../src/metrics/registry.ts";
import { FakeClock } from "../../support/clock.ts";

test("the control plane's admin port has probes and metrics, and nothing else", async (t) => {
  let missing: readonly string[] = ["certificate: none yet", "pods: not listed yet"];
  const metrics = createRegistry({ clock: new FakeClock() });
  metrics.gauge("cache_size", "Objects that are watched").set(3, { kind: "pods" });
  const server = await startAdminServer({ host: "127.0.0.1", port: 0, notReady: () => missing, metrics });
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

test("the state of things is told on the own host, and where there is one", async (t) => {
  const metrics = createRegistry({ clock: new FakeClock() });
  const server = await startAdminServer({
    host: "127.0.0.1",
    port: 0,
    notReady: () => [],
    metrics,
    debugState: () => ({ objects: { pods: 3 } }),
  });
  t.after(() => server.stop());
  const reply = await fetch(`http://127.0.0.1:${server.port}/debug/state`);
  assert.deepEqual(await reply.json(), { objects: { pods: 3 } });
  const other = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === "IPv4" && !address.internal);
  if (!other) return t.diagnostic("this machine has no address that is not loopback");
  const open = await startAdminServer({
    host: "0.0.0.0",
    port: 0,
    notReady: () => [],
    metrics,
    debugState: () => ({}),
  });
  t.after(() => open.stop());
  // From an address of this machine to itself: the own host, though no loopback.
  assert.equal((await fetch(`http://${other.address}:${open.port}/debug/state`)).status, 200);
  // From loopback's other addresses, too; from anywhere else nobody asks in a test.
  assert.equal((await fetch(`http://127.0.0.1:${open.port}/debug/state`)).status, 200);
});
