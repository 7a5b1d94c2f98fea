import { createServer } from "node:http";
import type { Socket } from "node:net";
import { type Network, normaliseIp } from "../../base/ip.ts";
import type { Registry } from "../../metrics/registry.ts";
import { isOwnHost } from "../../policy/authorize.ts";
import { bind } from "./bind.ts";

export interface AdminServerOptions {
  readonly host: string;
  readonly port: number;
  /** What is still missing; empty when ready. */
  readonly notReady: () => readonly string[];
  readonly metrics: Registry;
  readonly ownNetworks: readonly Network[];
  /** `/debug/state`; undefined: there is none. */
  readonly debugState?: () => object;
}

/**
 * `/live`, `/ready` (what is missing, one a line, with 503) and `/metrics` of a control-plane process; `/debug/state` for its own host
 * alone, which a port-forward is.
 */
export async function startAdminServer(
  options: AdminServerOptions,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const send = (status: number, body: string): void => {
      response.writeHead(status, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
      response.end(body);
    };
    switch (request.url?.split("?")[0]) {
      case "/live":
      case "/ping":
        return send(200, "live\n");
      case "/ready": {
        const missing = options.notReady();
        return missing.length === 0 ? send(200, "ready\n") : send(503, `${missing.join("\n")}\n`);
      }
      case "/metrics":
        return send(200, options.metrics.render());
      case "/debug/state": {
        if (!options.debugState) break;
        if (!isFromOwnHost(request.socket, options.ownNetworks)) {
          return send(403, "only from this host: use a port-forward\n");
        }
        response.writeHead(200, { "content-type": "application/json" });
        response.end(`${JSON.stringify(options.debugState(), null, 1)}\n`);
        return;
      }
    }
    send(404, "not found; there are /live, /ready and /metrics\n");
  });
  const port = await bind(server, options.host, options.port, "admin");
  return {
    port,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** An address that asks itself is the own host, whichever it is. */
function isFromOwnHost(
  { remoteAddress = "", localAddress }: Socket,
  ownNetworks: readonly Network[],
): boolean {
  return remoteAddress === localAddress || isOwnHost(normaliseIp(remoteAddress), ownNetworks);
}
