import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OpaqueRoute } from "../../../src/policy/outbound.ts";
import { createMesh, endpoint, HOST, listenRaw, type Mesh } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

function route(name: string, port: number, ...snis: string[]): OpaqueRoute {
  const backend = { meta: defaultMeta(name), target: { kind: "forward", endpoint: endpoint(port) } } as const;
  return {
    meta: defaultMeta(name),
    backends: { kind: "first-available", backends: [{ weight: 1, filters: [], backend }] },
    refused: undefined,
    ...(snis.length > 0 && { snis: snis.map((host) => ({ kind: "exact", host }) as const) }),
  };
}

/** Says hello to the service, and waits for the refusal or for what comes of it. */
async function sayHello(t: TestContext, mesh: Mesh, servername: string): Promise<void> {
  const client = connect({ host: HOST, port: mesh.servicePort, servername, rejectUnauthorized: false });
  client.on("error", () => {});
  t.after(() => client.destroy());
  // Not `once` of node:events, which fails with the error that is expected here.
  await new Promise<void>((resolve) => client.once("close", () => resolve()));
}

test("a TLS route takes the connections whose hello names it, unread; others are refused", async (t) => {
  const heard: string[] = [];
  const listen = (name: string) =>
    listenRaw(t, (socket: Socket) => {
      socket.once("data", (bytes) => {
        // Handshake record: the hello came on as it was.
        heard.push(`${name} ${bytes[0]}`);
        socket.destroy();
      });
    });
  const [a, b] = [await listen("a"), await listen("b")];
  const mesh = await createMesh(t, {
    appPort: a,
    outboundPolicy: {
      protocol: "tls",
      httpRoutes: [],
      opaqueRoutes: [route("a", a, "a.example"), route("b", b, "b.example")],
    },
  });
  await sayHello(t, mesh, "b.example");
  await sayHello(t, mesh, "a.example");
  await sayHello(t, mesh, "c.example");
  assert.deepEqual(heard, ["b 22", "a 22"]);
  const records = await mesh.client.closedCount(3);
  assert.deepEqual(
    records.map(({ route: name }) => name),
    ["/default/b", "/default/a", ""],
  );

  // A route that names nobody takes everybody, also who speaks no TLS.
  mesh.outboundPolicy.set({ ...mesh.outboundPolicy.current, opaqueRoutes: [route("any", b)] });
  const plain = dialRaw(t, mesh.servicePort);
  plain.write("hello\n").end();
  await mesh.client.closedCount(4);
  assert.equal(heard.at(-1), `b ${"h".charCodeAt(0)}`);
});
