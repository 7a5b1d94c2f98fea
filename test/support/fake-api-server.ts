import { mkdtemp, rm, writeFile } from "node:fs/promises";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An HTTP server that answers as a test tells it, and a kubeconfig that names it. */
export interface FakeApiServer {
  readonly url: string;
  readonly kubeconfig: string;
  readonly directory: string;
  readonly server: http.Server;
  /** `METHOD url` of each request so far. */
  readonly requests: string[];
  close(): Promise<void>;
}

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export async function startFakeApiServer(
  handler: Handler,
  user: Record<string, unknown> = { token: "secret" },
): Promise<FakeApiServer> {
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const directory = await mkdtemp(join(tmpdir(), "meshctl-kube-"));
  const kubeconfig = join(directory, "config");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "fake",
    clusters: [{ name: "c", cluster: { server: url } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "fake", context: { cluster: "c", user: "u", namespace: "demo" } }],
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  return {
    url,
    kubeconfig,
    directory,
    server,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function sendJson(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
