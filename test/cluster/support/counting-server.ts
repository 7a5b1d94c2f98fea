/** Stands between a client and the API server, and counts. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findApiServer, openRequest } from "./api-server.ts";

export interface CountingServer {
  /** A kubeconfig that leads here; the credentials are added here. */
  readonly kubeconfig: string;
  /** Paths with their queries, in the order in which they came. */
  requests(): readonly string[];
  close(): Promise<void>;
}

export async function startCountingServer(): Promise<CountingServer> {
  const apiServer = await findApiServer();
  const paths: string[] = [];
  const server = createServer((incoming, answer) => {
    paths.push(incoming.url!);
    const { host: _host, connection: _connection, ...headers } = incoming.headers;
    const outgoing = openRequest(apiServer, apiServer.asAdmin, {
      method: incoming.method!,
      path: incoming.url!,
      headers,
    });
    outgoing.on("response", (response) => {
      answer.writeHead(response.statusCode!, response.headers);
      response.pipe(answer);
    });
    outgoing.on("error", (error) => answer.destroy(error));
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const dir = await mkdtemp(join(tmpdir(), "cluster-counting-"));
  const kubeconfig = join(dir, "kubeconfig");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "counted", cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: "counted", user: {} }],
    contexts: [{ name: "counted", context: { cluster: "counted", user: "counted" } }],
    "current-context": "counted",
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  return {
    kubeconfig,
    requests: () => paths,
    async close() {
      server.close();
      server.closeAllConnections();
      apiServer.asAdmin.destroy();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
