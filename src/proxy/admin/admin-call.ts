import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../base/clock.ts";
import type { Network } from "../../base/ip.ts";
import type { Logger } from "../../base/log.ts";
import type { Credentials } from "../../identity/credentials.ts";
import type { ServerPolicy } from "../../policy/inbound.ts";
import type { ListenAddress } from "../config.ts";
import type { AdminSources } from "./admin-sources.ts";

export interface AdminServerOptions {
  readonly listen: ListenAddress;
  /** Answers mesh TLS on the port; absent: plain HTTP alone. */
  readonly credentials?: Pick<Credentials, "localName" | "serverName" | "current">;
  readonly observability: AdminSources;
  readonly clock: Clock;
  readonly log: Logger;
  /** True once the first certificate is installed. */
  readonly isReady: () => boolean;
  /** Whose connections may read records, tap and configuration, and shut down (`config.ownNetworks`). */
  readonly ownNetworks: readonly Network[];
  /** The policy of this port as it is now; undefined before there is one. */
  readonly policy?: () => ServerPolicy | undefined;
  readonly shutdownEnabled: boolean;
  /** `POST /shutdown`: begin to drain. */
  readonly onShutdown: () => void;
  /** What `GET /config` shows: plain data, no secrets. */
  readonly describeConfig: () => object;
  /** Environment that `GET /env.json` shows: the proxy's own variables (`MESHCTL_PROXY_*`, `LINKERD2_PROXY_*`). */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `GET` and `PUT /proxy-log-level`; absent: 404. `set` throws a MeshError on a level it does not know. */
  readonly logLevel?: { get(): string; set(text: string): void };
}

/** One request and what its route needs. */
export interface AdminCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly options: AdminServerOptions;
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
