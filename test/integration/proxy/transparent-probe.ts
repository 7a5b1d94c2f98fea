import { connect } from "node:net";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { listen } from "../../../src/net/listen.ts";
import { loadOriginalDestinationReader } from "../../../src/net/original-destination.ts";
import type { ProxyDependencies } from "../../../src/proxy/dependencies.ts";
import { createInboundProxy } from "../../../src/proxy/inbound/stack.ts";
import { createOutboundProxy } from "../../../src/proxy/outbound/stack.ts";
import { Changing, createConfig, endpoint, MemoryRecorder, outboundPolicy, serverPolicy } from "./harness.ts";

/**
 * Runs within a network namespace whose rules redirect connections (see transparent.test.ts), so its ports are fixed. Prints
 * one JSON line: what the kernel and the stacks said.
 */
const REDIRECTED_PORT = 4150;
const result: Record<string, unknown> = {};

const reader = await loadOriginalDestinationReader(process.platform);
const seen: unknown[] = [];
const arrivals: (() => void)[] = [];
const probe = await listen({ host: "::", port: REDIRECTED_PORT }, "probe", (socket) => {
  try {
    seen.push(reader(socket));
  } catch (error) {
    seen.push((error as { code?: string }).code ?? String(error));
  }
  socket.destroy();
  arrivals.shift()?.();
});
probe.start();
for (const [host, port] of [
  ["10.1.2.3", 8081],
  ["fd00::1", 8081],
  ["127.0.0.1", REDIRECTED_PORT],
] as const) {
  const arrived = new Promise<void>((resolve) => arrivals.push(resolve));
  connect({ host, port }).on("error", () => {});
  await arrived;
}
result.original = seen;

// Both stacks on redirected ports: 10.1.2.3:80 -> outbound, which dials 10.1.2.4:8080 -> inbound, which dials it as it is.
const app = await listen({ host: "0.0.0.0", port: 8080 }, "app", (socket) => {
  socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
  socket.resume();
});
app.start();
const targets: unknown[] = [];
const recorder = new MemoryRecorder();
const config = createConfig(
  { servicePort: 0, httpProxyPort: 4140, podPort: 0, directPort: 4143 },
  { appPort: 8080, ownNetworks: ["127.0.0.0/8"] },
);
const deps: ProxyDependencies = {
  config: {
    ...config,
    capture: "transparent",
    inbound: { ...config.inbound, listen: { host: "0.0.0.0", port: 4143 }, ips: new Set(["10.1.2.4"]) },
    outbound: { ...config.outbound, listen: [{ host: "0.0.0.0", port: 4140 }] },
  },
  clock: systemClock,
  random: Math.random,
  log: silentLogger,
  recorder,
  credentials: { localName: "me", ready: Promise.resolve(), current: () => undefined },
  inboundPolicies: {
    watch(port) {
      targets.push(port);
      return new Changing(serverPolicy());
    },
  },
  discovery: {
    async target(target) {
      targets.push(target);
      return new Changing(outboundPolicy("web:80"));
    },
    endpoints: () =>
      new Changing({
        known: true,
        exists: true,
        endpoints: new Map([
          ["10.1.2.4:8080", { ...endpoint(8080), ip: "10.1.2.4", address: "10.1.2.4:8080" }],
        ]),
      }),
  },
};
const sides = [createInboundProxy(deps), createOutboundProxy(deps)];
for (const side of sides) {
  await side.bind();
  side.start();
}
const fetchText = (host: string, port: number): Promise<string> =>
  new Promise((resolve) => {
    let text = "";
    const socket = connect({ host, port });
    socket.on("connect", () => socket.write("GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"));
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
result.answer = (await fetchText("10.1.2.3", 80)).split("\r\n")[0];
result.targets = targets.slice();
await recorder.closedCount(2);
result.servers = recorder.exchanges.map((each) => `${each.direction} ${each.server}`).sort();
// Not redirected: a connection to the proxy's own ports would call itself without end.
result.loop = await fetchText("127.0.0.1", 4140);
// Redirected to the inbound port, but for an address that is not this pod's.
result.foreign = await fetchText("10.1.2.9", 8080);
console.log(JSON.stringify(result));
process.exit(0);
