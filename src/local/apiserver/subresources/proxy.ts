import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { KubeObject } from "../../../base/kube-object.ts";
import { apiError, badRequest } from "../status.ts";

/** What pods/proxy and services/proxy dial. */
export interface ProxyTarget {
  readonly scheme: string;
  readonly name: string;
  /** Number or name; "" when not given. */
  readonly port: string;
}

/** Reads `[scheme:]name[:port]` of `/pods/<this>/proxy/...`. */
export function parseProxyTarget(text: string): ProxyTarget {
  const parts = text.split(":");
  if (parts.length === 3) return { scheme: parts[0]!, name: parts[1]!, port: parts[2]! };
  if (parts.length === 2) return { scheme: "http", name: parts[0]!, port: parts[1]! };
  return { scheme: "http", name: text, port: "" };
}

/** The port number of a pod: as given, by name, or its first. @throws MeshError 400 */
export function podPort(pod: KubeObject, port: string): number {
  if (/^\d+$/.test(port)) return Number(port);
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].flatMap(
    (container) => (container.ports ?? []) as { name?: string; containerPort: number }[],
  );
  const found = port === "" ? all[0] : all.find((each) => each.name === port);
  if (port === "" && !found) return 80;
  if (!found) throw badRequest(`pod ${pod.metadata.name} has no port named "${port}"`);
  return found.containerPort;
}

/** Headers that end at the API server: connection management, and the caller's credentials. */
const DROPPED = new Set([
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "authorization",
  "transfer-encoding",
]);

/**
 * Passes one request on as HTTP/1.1 over a socket of `connect`, bodies streaming both ways.
 *
 * @param path origin form with query, as the application will see it
 */
export async function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  host: string,
  connect: () => Promise<Socket>,
): Promise<void> {
  let socket: Socket;
  try {
    socket = await connect();
  } catch (caught) {
    throw apiError(
      503,
      "ServiceUnavailable",
      `error trying to reach service: ${caught instanceof Error ? caught.message : String(caught)}`,
    );
  }
  const headers: Record<string, string | string[]> = { host };
  for (const [name, values] of Object.entries(request.headersDistinct)) {
    if (!DROPPED.has(name) && !name.startsWith("impersonate-") && name !== "host" && values)
      headers[name] = values;
  }
  await new Promise<void>((resolve, reject) => {
    const outgoing = httpRequest(
      { method: request.method ?? "GET", path, headers, createConnection: () => socket, agent: undefined },
      (incoming) => {
        const answer: Record<string, string | string[]> = {};
        for (const [name, values] of Object.entries(incoming.headersDistinct)) {
          if (!DROPPED.has(name) && values) answer[name] = values;
        }
        response.writeHead(incoming.statusCode ?? 502, answer);
        incoming.pipe(response);
        incoming.on("error", () => response.destroy());
      },
    );
    outgoing.on("error", (error) => {
      socket.destroy();
      if (response.headersSent) {
        response.destroy();
        resolve();
      } else reject(apiError(503, "ServiceUnavailable", `error trying to reach service: ${error.message}`));
    });
    response.on("close", () => {
      outgoing.destroy();
      socket.destroy();
      resolve();
    });
    request.pipe(outgoing);
  });
}
