import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ResourcePath } from "./request-info.ts";
import type { ServerParts } from "./server-parts.ts";
import { statusOf, unknownPath } from "./status.ts";
import { noKubelet } from "./subresources/log.ts";
import { servePortForward, speaksChannels } from "./subresources/portforward.ts";
import { connectRefusal } from "./subresources/serve.ts";

/** Answers a request that wants another protocol: port-forward over WebSocket channels; everything else is refused with a Status. */
export function serveUpgrade(
  parts: ServerParts,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  path: ResourcePath,
  query: URLSearchParams,
): void {
  const resource = parts.registry.find(path.group, path.version, path.plural);
  const known = resource?.bucket === "/pods" && ["portforward", "exec", "attach"].includes(path.subresource);
  if (!known) throw unknownPath();
  const pod = parts.operations.get(resource, path.namespace, path.name);
  if (path.subresource !== "portforward" || !speaksChannels(request))
    throw connectRefusal({ path, query }, pod);
  if (!parts.podBackend) throw noKubelet();
  servePortForward(parts.podBackend, request, socket, head, pod, query);
}

/** An answer on a socket that has left the HTTP server. */
export function refuseUpgrade(socket: Duplex, caught: unknown): void {
  const status = statusOf(caught);
  const body = JSON.stringify(status);
  socket.end(
    [
      `HTTP/1.1 ${status.code} ${STATUS_CODES[status.code] ?? "Error"}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
}
