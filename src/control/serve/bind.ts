import type { AddressInfo, Server } from "node:net";
import { MeshError, systemErrorCode } from "../../base/error.ts";
import { joinHostPort } from "../../base/ip.ts";

/**
 * Binds a server. `::` falls back to `0.0.0.0` where the host has no IPv6.
 *
 * @returns the port, the kernel's choice when 0 was asked for
 * @throws MeshError `LISTEN_FAILED`
 */
export async function bind(server: Server, host: string, port: number, name: string): Promise<number> {
  try {
    return await listen(server, host, port);
  } catch (caught) {
    const code = systemErrorCode(caught);
    if (host === "::" && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL"))
      return bind(server, "0.0.0.0", port, name);
    throw new MeshError({
      kind: "environment",
      code: "LISTEN_FAILED",
      message: `${name} cannot listen on ${joinHostPort(host, port)}: ${code === "EADDRINUSE" ? "the port is in use" : (code ?? String(caught))}`,
      hint:
        code === "EADDRINUSE"
          ? `find who has it: ss -ltnp 'sport = :${port}'`
          : "set LISTEN_HOST to an address of this host",
      cause: caught,
    });
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
