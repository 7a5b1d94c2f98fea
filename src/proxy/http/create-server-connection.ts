import type { Drainable } from "../../net/live-set.ts";
import type { HttpVersion } from "./client-channel.ts";
import { H2ServerConnection } from "./h2-server-connection.ts";
import { HttpServerConnection, type ServerConnectionOptions } from "./server-connection.ts";

/** Serves HTTP of one version or the other: from here on the layers need not know which. */
export function createServerConnection(
  version: HttpVersion,
  options: ServerConnectionOptions,
): Drainable & { start(): void } {
  return version === "http/2" ? new H2ServerConnection(options) : new HttpServerConnection(options);
}
