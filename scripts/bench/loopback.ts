import type { Network } from "./places.ts";

/** Without root: addresses of the loopback interface, explicit capture, nobody pinned. */
export function createLoopback(net: string): Network {
  return {
    kind: "loopback",
    description:
      "loopback, explicit capture, nothing pinned (no root: figures are not comparable with others)",
    controlHost: "127.0.0.1",
    place: (index) => ({
      index,
      entryHost: `${net}.${10 * index + 11}`,
      clientHost: `${net}.${10 * index + 12}`,
      serverHost: `${net}.${10 * index + 13}`,
      appHost: `${net}.${10 * index + 14}`,
      serviceHost: `${net}.${10 * index + 15}`,
    }),
    clientCommand: (command) => [...command],
    serverCommand: (command) => [...command],
    proxyCommand: (_side, command) => [...command],
    redirect() {},
    close() {},
  };
}
