import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sleep } from "../../base/clock.ts";
import { listenAddress, type RoleInput } from "./role.ts";

export interface Reply {
  readonly status: number;
  /** Sent as JSON, or as HTML when it is a string. */
  readonly body: unknown;
}

export type Handler = (request: {
  readonly method: string;
  readonly path: string;
  readonly requestId: string | undefined;
}) => Promise<Reply> | Reply;

const REQUEST_BYTES_MAX = 64 * 1024;

/**
 * An HTTP/1.1 server until the signal aborts; then it takes no more connections, answers what is in flight and returns.
 * `/ready` is answered here, without delay or failures.
 */
export async function serveHttp(input: RoleInput, defaultPort: number, handler: Handler): Promise<void> {
  const { clock, random, settings, log, signal } = input;
  const answer = async (request: IncomingMessage): Promise<Reply> => {
    const path = (request.url ?? "/").split("?")[0]!;
    if (path === "/ready") return { status: 200, body: { ready: true } };
    await readBody(request);
    if (settings.delayMs > 0) await sleep(clock, settings.delayMs * (0.75 + random() / 2));
    if (random() < settings.failureRatio) return { status: 500, body: { error: "out of luck" } };
    const requestId = request.headers["x-request-id"];
    return handler({
      method: request.method ?? "GET",
      path,
      requestId: typeof requestId === "string" ? requestId : undefined,
    });
  };
  const server = createServer((request, response) => {
    answer(request)
      .catch((error: Error) => {
        log.warn("request failed", { path: request.url, error: error.message });
        return { status: 502, body: { error: error.message } };
      })
      .then((reply) => send(response, reply, signal.aborted));
  });
  // Longer than any client of ours keeps an idle connection: the client is the one to close it.
  server.keepAliveTimeout = 75_000;
  const { host, port } = listenAddress(input.env, defaultPort);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  log.info("listening", { host, port: bound });
  input.onListening?.(bound);
  await aborted(signal);
  log.info("stopping");
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function send(response: ServerResponse, reply: Reply, closing: boolean): void {
  const isHtml = typeof reply.body === "string";
  const body = isHtml ? (reply.body as string) : `${JSON.stringify(reply.body)}\n`;
  response.writeHead(reply.status, {
    "content-type": isHtml ? "text/html; charset=utf-8" : "application/json",
    "content-length": Buffer.byteLength(body),
    ...(closing ? { connection: "close" } : {}),
  });
  response.end(body);
}

async function readBody(request: IncomingMessage): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > REQUEST_BYTES_MAX) throw new Error(`request body is larger than ${REQUEST_BYTES_MAX} bytes`);
  }
}
