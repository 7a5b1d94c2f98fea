import assert from "node:assert/strict";
import { test } from "node:test";
import { createMesh, listenRaw, outboundPolicy, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

test("what an ingress sends is read as HTTP even where the instance's port is opaque", async (t) => {
  const seen: string[] = [];
  const appPort = await listenRaw(t, (socket) => {
    socket.on("data", (chunk) => {
      seen.push(chunk.toString("latin1"));
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  const mesh = await createMesh(t, {
    appPort,
    config: { outbound: { ingressMode: true } },
    outboundPolicy: outboundPolicy(`${SERVICE}:80`, { protocol: "opaque" }),
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(`GET /a HTTP/1.1\r\nHost: shop.example\r\nl5d-dst-override: ${SERVICE}:80\r\n\r\n`);
  await client.until("ok");
  assert.match(seen[0]!, /^GET \/a HTTP\/1\.1\r\n/);
  assert.doesNotMatch(seen[0]!, /l5d-dst-override/);
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.authority, "shop.example");
  assert.equal(record!.target, `${SERVICE}:80`);
});

test("bytes of an ingress that are no HTTP are forwarded as they are", async (t) => {
  const appPort = await listenRaw(t, (socket) => socket.pipe(socket));
  const mesh = await createMesh(t, { appPort, config: { outbound: { ingressMode: true } } });
  const client = dialRaw(t, mesh.servicePort);
  client.write("\x00\x01 no request at all");
  await client.until("no request at all");
});
