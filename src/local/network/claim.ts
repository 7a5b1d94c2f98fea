import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { MeshError, systemErrorCode } from "../../base/error.ts";

/** The claim is a listening socket here: the kernel frees it however the process ends. Below the ephemeral ports. */
const CLAIM_PORT = 19_140;

/** A 127.N.0.0/16 that belongs to one cluster as long as its process lives. */
export interface NetworkClaim {
  /** Second octet. */
  readonly octet: number;
  release(): Promise<void>;
}

/**
 * Claims a 127.N.0.0/16. The search starts at a number that the directory decides, so that a cluster usually keeps its
 * addresses from one start to the next.
 *
 * @param firstOctet 1 to 254
 * @throws MeshError `NETWORK_NO_LOOPBACK` where 127.N.x.x are no addresses of this host (macOS), `NETWORK_EXHAUSTED`
 */
export async function claimNetwork(firstOctet: number): Promise<NetworkClaim> {
  const listening = listeningOctets(readSockets());
  for (let tried = 0; tried < 254; tried++) {
    const octet = ((firstOctet - 1 + tried) % 254) + 1;
    if (listening.has(octet)) continue;
    try {
      const server = await listen(`127.${octet}.0.1`);
      return { octet, release: () => new Promise((resolve) => server.close(() => resolve())) };
    } catch (caught) {
      const code = systemErrorCode(caught);
      if (code === "EADDRINUSE") continue;
      if (code === "EADDRNOTAVAIL") throw noLoopback(octet, caught);
      throw caught;
    }
  }
  throw new MeshError({
    kind: "environment",
    code: "NETWORK_EXHAUSTED",
    message: "every network from 127.1.0.0/16 to 127.254.0.0/16 is claimed by a local cluster",
    hint: "stop a cluster: press Ctrl-C in its `meshctl dev` or `meshctl demo`",
  });
}

/**
 * Second octets of the 127.N.x.x on which something listens: processes that outlived a cluster that was killed hold their
 * ports until the next start in its directory, and their network is no good for another one.
 *
 * @param table text of Linux' /proc/net/tcp: `  0: 0100007F:4ABC 00000000:0000 0A ...`, addresses in host byte order
 */
export function listeningOctets(table: string): Set<number> {
  const octets = new Set<number>();
  for (const match of table.matchAll(/^\s*\d+: ([0-9A-F]{8}):[0-9A-F]{4} [0-9A-F]{8}:[0-9A-F]{4} 0A /gm)) {
    const address = match[1]!;
    if (address.endsWith("7F")) octets.add(Number.parseInt(address.slice(4, 6), 16));
  }
  return octets;
}

function readSockets(): string {
  try {
    return readFileSync("/proc/net/tcp", "latin1");
  } catch {
    // Not Linux: the claim alone decides.
    return "";
  }
}

/** Where the search for a directory's network begins. */
export function preferredOctet(dir: string): number {
  return (createHash("sha256").update(dir).digest()[0]! % 254) + 1;
}

/** The error for hosts whose loopback interface has 127.0.0.1 alone, with the lines that add the rest. */
export function noLoopback(octet: number, cause: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "NETWORK_NO_LOOPBACK",
    message: `127.${octet}.0.1 is no address of this host: its loopback interface has 127.0.0.1 alone`,
    hint: [
      "add the addresses of the node, the names, 20 services and 40 pods, then start again:",
      `for i in 1 10; do sudo ifconfig lo0 alias 127.${octet}.0.$i; done`,
      `for i in $(seq 1 20); do sudo ifconfig lo0 alias 127.${octet}.16.$i; done`,
      `for i in $(seq 1 40); do sudo ifconfig lo0 alias 127.${octet}.64.$i; sudo ifconfig lo0 alias 127.${octet}.128.$i; done`,
    ].join("\n"),
    cause,
  });
}

function listen(host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen({ host, port: CLAIM_PORT, exclusive: true }, () => resolve(server));
  });
}
