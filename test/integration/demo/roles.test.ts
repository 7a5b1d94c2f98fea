import assert from "node:assert/strict";
import { request } from "node:http";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { catalog } from "../../../src/demo/roles/catalog.ts";
import { kv } from "../../../src/demo/roles/kv.ts";
import { createKvClient } from "../../../src/demo/roles/kv-client.ts";
import { orders } from "../../../src/demo/roles/orders.ts";
import type { Role, RoleSettings } from "../../../src/demo/roles/role.ts";
import { web } from "../../../src/demo/roles/web.ts";

interface Running {
  readonly port: number;
  stop(): Promise<void>;
}

async function start(
  t: TestContext,
  role: Role,
  env: Record<string, string> = {},
  settings: Partial<RoleSettings> = {},
  random: () => number = Math.random,
): Promise<Running> {
  const stop = new AbortController();
  let ended: Promise<void> | undefined;
  const port = await new Promise<number>((resolve, reject) => {
    ended = role({
      env: { LISTEN_HOST: "127.0.0.1", PORT: "0", ...env },
      clock: systemClock,
      random,
      log: silentLogger,
      signal: stop.signal,
      settings: { delayMs: 0, failureRatio: 0, rate: 1, ...settings },
      onListening: resolve,
    });
    ended.catch(reject);
  });
  const running = {
    port,
    stop() {
      stop.abort();
      return ended!;
    },
  };
  t.after(() => running.stop());
  return running;
}

function fetchPage(port: number, method: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, method, path, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode!, body }));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

const at = (name: string, { port }: Running) => ({
  [`${name}_SERVICE_HOST`]: "127.0.0.1",
  [`${name}_SERVICE_PORT`]: String(port),
});

test("web, catalog, orders and kv work together over sockets, and stop when told", async (t) => {
  const running = [await start(t, catalog), await start(t, orders), await start(t, kv)] as const;
  const front = await start(t, web, {
    ...at("CATALOG", running[0]),
    ...at("ORDERS", running[1]),
    ...at("KV", running[2]),
  });
  const first = await fetchPage(front.port, "GET", "/");
  assert.equal(first.status, 200);
  assert.match(first.body, /anvil[\s\S]*"orders":0[\s\S]*VALUE 1/);
  assert.equal((await fetchPage(front.port, "POST", "/checkout")).status, 201);
  assert.match((await fetchPage(front.port, "GET", "/")).body, /"orders":1[\s\S]*VALUE 2/);
  assert.equal((await fetchPage(front.port, "GET", "/products/99")).status, 404);
  for (const one of [front, ...running]) await one.stop();
  await assert.rejects(fetchPage(front.port, "GET", "/"), { code: "ECONNREFUSED" });
});

test("a role that always fails is still ready", async (t) => {
  const { port } = await start(t, orders, {}, { failureRatio: 1 });
  assert.equal((await fetchPage(port, "GET", "/orders")).status, 500);
  assert.equal((await fetchPage(port, "GET", "/ready")).status, 200);
});

test("a role answers what is in flight before it stops", async (t) => {
  // The role draws a number for its delay once it has read the request.
  const arrival = Promise.withResolvers<void>();
  const random = () => {
    arrival.resolve();
    return 0.5;
  };
  const { port, stop } = await start(t, catalog, {}, { delayMs: 50 }, random);
  const answer = fetchPage(port, "GET", "/products/1");
  await arrival.promise;
  const stopped = stop();
  assert.equal((await answer).status, 200);
  await stopped;
});

test("the kv client rejects what waits when the connection ends, and connects again", async (t) => {
  let connections = 0;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    connections++;
    if (connections === 1) socket.once("data", () => socket.destroy());
    else socket.on("data", () => socket.write("VALUE 1\n"));
    socket.write("KV/1 ready\n");
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const client = createKvClient({ host: "127.0.0.1", port });
  t.after(() => client.close());
  await assert.rejects(client.send("INCR a"), /kv/);
  assert.equal(await client.send("INCR a"), "VALUE 1");
  assert.equal(connections, 2);
});

test("the kv client refuses a server that is no kv store", async (t) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write("SSH-2.0-x\r\n");
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = createKvClient({ host: "127.0.0.1", port: (server.address() as { port: number }).port });
  await assert.rejects(client.send("GET a"), /kv greets with "SSH-2.0-x"/);
});
