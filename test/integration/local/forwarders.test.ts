import assert from "node:assert/strict";
import { connect, createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Controller } from "../../../src/local/controllers/controller.ts";
import { createEventRecorder } from "../../../src/local/controllers/events.ts";
import { claimNetwork, type NetworkClaim } from "../../../src/local/network/claim.ts";
import { startServiceForwarders } from "../../../src/local/network/forwarders.ts";
import { ENDPOINT_SLICES, EVENTS, SERVICES } from "../../../src/local/resources.ts";
import { MemoryObjects } from "../../support/memory-objects.ts";
import { until } from "../../support/until.ts";

let claim: NetworkClaim;
let objects: MemoryObjects;
let forwarders: Controller;
const servers: Server[] = [];

before(async () => {
  claim = await claimNetwork(77);
  objects = new MemoryObjects();
  const base = { objects, clock: systemClock, log: silentLogger };
  const events = createEventRecorder({ ...base, component: "test" });
  forwarders = startServiceForwarders(
    { ...base, events },
    { isPodAddress: (address) => address === `127.${claim.octet}.64.9` },
  );
});
after(async () => {
  forwarders.stop();
  for (const server of servers) server.close();
  await claim.release();
});

/** A server that says who called; its half of the connection ends when the client's does. */
async function echo(host: string, port: number): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.write(`${host} heard ${socket.remoteAddress}: `);
    socket.pipe(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  return (server.address() as { port: number }).port;
}

async function service(
  name: string,
  clusterIP: string,
  port: number,
  targets: readonly string[],
  targetPort: number,
) {
  await objects.create(ENDPOINT_SLICES, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "demo", labels: { "kubernetes.io/service-name": name } },
    ports: [{ name: "", port: targetPort, protocol: "TCP" }],
    endpoints: targets.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  });
  return objects.create(SERVICES, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "demo" },
    spec: { clusterIP, ports: [{ port, protocol: "TCP" }] },
  });
}

function ask(host: string, port: number, localAddress?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ...(localAddress ? { localAddress } : {}) });
    let text = "";
    socket.on("data", (chunk) => {
      text += String(chunk);
    });
    socket.once("end", () => resolve(text));
    socket.once("error", reject);
    socket.end("hello");
  });
}
const at = (rest: string) => `127.${claim.octet}.${rest}`;

describe("ClusterIP forwarders", { concurrency: false }, () => {
  test("lead to the ready endpoints in turn, through half-closed connections, past one that is gone", async () => {
    const port = await echo(at("64.1"), 0);
    await echo(at("64.2"), port);
    await service("web", at("16.2"), 8080, [at("64.1"), at("64.2"), at("64.3")], port);
    await until("listener", () => ask(at("16.2"), 8080).catch(() => false as const));
    const answers = new Set<string>();
    for (let count = 0; count < 6; count++) answers.add(await ask(at("16.2"), 8080));
    assert.deepEqual([...answers].sort(), [
      `${at("64.1")} heard 127.0.0.1: hello`,
      `${at("64.2")} heard 127.0.0.1: hello`,
    ]);
  });

  test("keep a pod's address as the source, so that the server sees who called", async () => {
    assert.match(await ask(at("16.2"), 8080, at("64.9")), new RegExp(`heard ${at("64.9")}: hello$`));
  });

  test("reset at once when there is no endpoint, and close with their service", async () => {
    await service("empty", at("16.3"), 8080, [], 1);
    await until("listener", async () => {
      const code = await ask(at("16.3"), 8080).catch((error: NodeJS.ErrnoException) => error.code);
      return code === "ECONNRESET";
    });
    await objects.delete(SERVICES, "demo", "empty");
    await until("close", async () => {
      const code = await ask(at("16.3"), 8080).catch((error: NodeJS.ErrnoException) => error.code);
      return code === "ECONNREFUSED";
    });
  });

  test("tell in one Event that an address cannot be bound, however often the service changes", async () => {
    const port = await echo(at("16.4"), 0);
    await service("taken", at("16.4"), port, [at("64.1")], 1);
    const event = await until("event", () => objects.list(EVENTS, "demo")[0]);
    assert.equal(event.reason, "ServicePortNotBound");
    assert.match(event.message, new RegExp(`${at("16.4")}:${port} cannot be bound \\(EADDRINUSE\\)`));
    await objects.mergePatch(SERVICES, "demo", "taken", { metadata: { labels: { changed: "1" } } });
    await forwarders.idle();
    assert.equal(objects.list(EVENTS, "demo")[0]!.count, 1);
  });
});
