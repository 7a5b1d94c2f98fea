/**
 * Stands between the control plane and the API server, and writes down who asked for what. The API server's own audit log would
 * tell the same, but whether there is one is decided where the API server is started, which is not for a test to reach.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { runProcess } from "../../support/run-process.ts";
import { findApiServer, openRequest } from "./api-server.ts";
import { kubectlJson } from "./cluster.ts";
import { accessOf } from "./rights.ts";

export interface RecordingServer {
  readonly host: string;
  readonly port: number;
  /** PEM: what a client has to trust. */
  readonly certificate: string;
  /** User -> `verb group/resource`, each once. */
  readonly used: ReadonlyMap<string, ReadonlySet<string>>;
  /** Requests that the API server answered with 403. */
  readonly forbidden: readonly string[];
  close(): Promise<void>;
}

export async function startRecordingServer(): Promise<RecordingServer> {
  const apiServer = await findApiServer();
  const host = await ownNodeAddress();
  const { certificate, key } = await makeCertificate(host);
  const used = new Map<string, Set<string>>();
  const forbidden: string[] = [];
  const server = createServer({ cert: certificate, key }, (incoming, answer) => {
    const user = userOf(incoming.headers.authorization);
    const access = accessOf(incoming.method!, incoming.url!);
    if (access) used.set(user, (used.get(user) ?? new Set()).add(access));
    const { host: _host, connection: _connection, ...headers } = incoming.headers;
    const outgoing = openRequest(apiServer, apiServer.asNobody, {
      method: incoming.method!,
      path: incoming.url!,
      headers,
    });
    outgoing.on("response", (response) => {
      if (response.statusCode === 403) forbidden.push(`${user}: ${incoming.method} ${incoming.url}`);
      answer.writeHead(response.statusCode!, response.headers);
      // A watch's headers must not wait for its first event.
      answer.flushHeaders();
      response.pipe(answer);
      answer.on("close", () => response.destroy());
    });
    outgoing.on("error", (error) => answer.destroy(error));
    answer.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    host,
    port: (server.address() as AddressInfo).port,
    certificate,
    used,
    forbidden,
    async close() {
      server.close();
      server.closeAllConnections();
      apiServer.asAdmin.destroy();
      apiServer.asNobody.destroy();
    },
  };
}

/** The node's address, which is this machine's: pods reach it. */
async function ownNodeAddress(): Promise<string> {
  const { items } = await kubectlJson<{
    items: { status: { addresses: { type: string; address: string }[] } }[];
  }>(["get", "nodes"]);
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
  );
  const found = items
    .flatMap(({ status }) => status.addresses)
    .find(({ type, address }) => type === "InternalIP" && own.has(address));
  if (!found) throw new Error("no node is this machine");
  return found.address;
}

async function makeCertificate(host: string): Promise<{ certificate: string; key: string }> {
  const dir = await mkdtemp(join(tmpdir(), "cluster-recording-"));
  try {
    const [keyFile, certificateFile] = [join(dir, "key.pem"), join(dir, "certificate.pem")];
    await runProcess("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
      ...["-subj", "/CN=recording", "-addext", `subjectAltName=IP:${host}`],
      ...["-keyout", keyFile, "-out", certificateFile],
    ]);
    return { certificate: await readFile(certificateFile, "utf8"), key: await readFile(keyFile, "utf8") };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The subject of a bearer token; the API server checks it, we only read it. */
function userOf(authorization: string | undefined): string {
  const payload = authorization?.replace(/^Bearer /, "").split(".")[1];
  if (!payload) return "anonymous";
  return (JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as { sub: string }).sub;
}
