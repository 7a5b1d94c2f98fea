import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { dial } from "../../../src/net/dial.ts";
import { fdOf, loadLibc } from "../../../src/net/libc.ts";
import { listen } from "../../../src/net/listen.ts";
import { userTimeout } from "../../../src/net/socket-tuning.ts";

/** From the headers of Linux. */
const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;
const TCP_KEEPIDLE = 4;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const isLinux = process.platform === "linux";

async function option(socket: Socket, level: number, name: number): Promise<number> {
  const { getsockopt } = await loadLibc();
  const value = new Uint8Array(4);
  assert.equal(getsockopt(fdOf(socket), level, name, value, [4]), 0);
  return new Uint32Array(value.buffer)[0]!;
}

test("accepted and dialled sockets have the times that they were given", { skip: !isLinux }, async (t) => {
  const libc = await loadLibc();
  const accepted = Promise.withResolvers<Socket>();
  const listener = await listen({ host: "127.0.0.1", port: 0 }, "test", accepted.resolve, {
    tuning: { keepAliveMs: 12_000, adjust: userTimeout(libc, 30_000) },
    backlog: 16,
  });
  listener.start();
  const client = await dial({
    target: { host: "127.0.0.1", port: listener.port },
    localAddress: undefined,
    timeoutMs: 5000,
    tuning: { keepAliveMs: 5000, adjust: userTimeout(libc, 7000) },
    clock: systemClock,
  });
  const server = await accepted.promise;
  t.after(async () => {
    client.destroy();
    server.destroy();
    await listener.stop();
  });
  assert.equal(await option(server, IPPROTO_TCP, TCP_USER_TIMEOUT), 30_000);
  assert.equal(await option(server, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert.equal(await option(server, IPPROTO_TCP, TCP_KEEPIDLE), 12);
  assert.equal(await option(client, IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
  assert.equal(await option(client, IPPROTO_TCP, TCP_KEEPIDLE), 5);
});

test("sockets without tuning keep the kernel's times", { skip: !isLinux }, async (t) => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = await dial({
    target: { host: "127.0.0.1", port: (server.address() as { port: number }).port },
    localAddress: undefined,
    timeoutMs: 5000,
    clock: systemClock,
  });
  t.after(() => {
    client.destroy();
    server.close();
  });
  assert.equal(await option(client, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
  assert.equal(await option(client, SOL_SOCKET, SO_KEEPALIVE), 0);
});
