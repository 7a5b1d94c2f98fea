/** WebSockets by the `ws` package at both ends, through two proxies. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";

describe("WebSocket", { skip: PAIR_MISSING }, () => {
  let pair: MeshPair;
  let server: WebSocketServer;

  before(async () => {
    pair = await startMeshPair();
    server = new WebSocketServer({
      host: pair.server.appHost,
      port: pair.appPort,
      perMessageDeflate: true,
      maxPayload: 16 * 1024 * 1024,
    });
    await once(server, "listening");
    server.on("connection", (socket, request) => {
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
      // Says who it was told to be, and closes as it was asked to.
      if (request.url === "/bye") socket.close(4001, String(request.headers["l5d-client-id"]));
    });
  });
  after(async () => {
    for (const client of server?.clients ?? []) client.terminate();
    server?.close();
    await pair?.stop();
  });

  const open = async (path: string, isDeflated = false) => {
    const { host, port } = pair.entrance;
    const socket = new WebSocket(`ws://${host}:${port}${path}`, { perMessageDeflate: isDeflated });
    return socket;
  };

  for (const isDeflated of [false, true]) {
    test(`messages of many sizes are echoed in order (${isDeflated ? "compressed" : "plain"})`, async () => {
      const socket = await open("/echo", isDeflated);
      await once(socket, "open");
      const sent = [0, 1, 125, 126, 65_535, 65_536, 1_000_000, 5_000_000].map((size) => randomBytes(size));
      const heard: Buffer[] = [];
      const all = new Promise<void>((resolve) =>
        socket.on("message", (data: Buffer) => {
          heard.push(data);
          if (heard.length === sent.length) resolve();
        }),
      );
      for (const message of sent) socket.send(message);
      await all;
      for (const [index, message] of sent.entries())
        assert.ok(message.equals(heard[index]!), `${message.length}`);
      const pong = once(socket, "pong");
      socket.ping("are you there");
      assert.equal(String((await pong)[0]), "are you there");
      socket.close(1000, "done");
      const [code, reason] = await once(socket, "close");
      assert.deepEqual([code, String(reason)], [1000, "done"]);
    });
  }

  test("the server's close and its reason arrive; it knew the client's identity", async () => {
    const socket = await open("/bye");
    const [code, reason] = await once(socket, "close");
    assert.equal(code, 4001);
    assert.match(String(reason), /^client\.demo\.serviceaccount\.identity\./);
  });

  test("200 sockets at once", async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => open("/echo")));
    await Promise.all(
      sockets.map(async (socket, index) => {
        await once(socket, "open");
        const heard = once(socket, "message");
        socket.send(String(index));
        assert.equal(String((await heard)[0]), String(index));
        const closed = once(socket, "close");
        socket.close();
        await closed;
      }),
    );
  });
});
