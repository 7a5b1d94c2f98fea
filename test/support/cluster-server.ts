import { existsSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { MeshError } from "../../src/base/error.ts";
import type { KubeObject } from "../../src/base/kube-object.ts";
import { type FakeApiServer, sendJson, startFakeApiServer } from "./fake-api-server.ts";
import { ObjectCluster } from "./object-cluster.ts";

/**
 * An API server over files, read-only. A folder has `objects.yaml`, and what proxies answer in
 * `pods/<namespace>/<pod>/<port>/<path>` (`pods/demo/web-1/4191/stats`).
 *
 * Access reviews say yes; a dry run of a creation says yes too.
 *
 * @param more objects beside those of the folder
 */
export async function startClusterServer(
  folder: string,
  more: readonly KubeObject[] = [],
): Promise<FakeApiServer> {
  const cluster = new ObjectCluster([...more, ...readObjects(join(folder, "objects.yaml"))]);
  const client = cluster.client();
  return startFakeApiServer((request, response) => {
    const url = new URL(request.url!, "http://cluster");
    if (request.method === "POST") return answerPost(request, response, url);
    const proxy = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/:]+):(\d+)\/proxy\/(.*)$/.exec(url.pathname);
    if (proxy) return answerProxy(folder, proxy.slice(1) as [string, string, string, string], response);
    const labelSelector = url.searchParams.get("labelSelector") ?? undefined;
    client.request("GET", url.pathname, { query: { labelSelector } }).then(
      (body) => sendJson(response, 200, withKind(body)),
      (error: Error) => sendFailure(response, error, url.pathname),
    );
  });
}

function readObjects(path: string): KubeObject[] {
  if (!existsSync(path)) return [];
  return parseAllDocuments(readFileSync(path, "utf8"))
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

function withKind(body: unknown): unknown {
  const list = body as { items?: unknown };
  return list.items === undefined
    ? body
    : { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "1" }, ...list };
}

function answerProxy(
  folder: string,
  [namespace, pod, port, path]: readonly [string, string, string, string],
  response: ServerResponse,
): void {
  const file = join(folder, "pods", namespace, pod, port, path);
  if (existsSync(file)) {
    response.writeHead(200, { "content-type": "text/plain" });
    response.end(readFileSync(file));
    return;
  }
  sendJson(response, 503, {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    reason: "ServiceUnavailable",
    code: 503,
    message: "error trying to reach service: connection refused",
  });
}

function answerPost(request: IncomingMessage, response: ServerResponse, url: URL): void {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(parts).toString("utf8") || "{}");
    if (url.pathname.includes("selfsubjectaccessreviews")) {
      sendJson(response, 201, { ...body, status: { allowed: true } });
    } else sendJson(response, 201, body);
  });
}

function sendFailure(response: ServerResponse, error: Error, path: string): void {
  const missing = error instanceof MeshError;
  sendJson(response, missing ? 404 : 500, {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    reason: missing ? "NotFound" : "InternalError",
    code: missing ? 404 : 500,
    message: missing ? `${path.split("/").slice(-2).join(" ")} not found` : error.message,
  });
}
