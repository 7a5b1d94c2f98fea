import { readFile, writeFile } from "node:fs/promises";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as httpsRequest } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { parse } from "yaml";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { openPki } from "../../../src/local/apiserver/auth/pki.ts";
import { renderKubeconfig } from "../../../src/local/apiserver/kubeconfig.ts";
import { type Exchange, isWatch, type Json, parseMaybe } from "./recording.ts";

/** A reverse proxy before an API server: what passes through it is kept. */
export interface Recorder {
  /** Clients that use this file are recorded. */
  readonly kubeconfigPath: string;
  readonly exchanges: readonly Exchange[];
  /** Names what is recorded from now on. With `readOnly`, nothing but GET reaches the server: the rest is forbidden. */
  step(name: string, readOnly?: boolean): void;
  close(): Promise<void>;
}

interface Target {
  readonly url: URL;
  readonly tls: { readonly ca?: Buffer; readonly cert: Buffer; readonly key: Buffer };
}

/** Answers of documentation, which nobody compares byte by byte: megabytes, and not ours. */
const UNRECORDED = /^\/openapi\//;

/**
 * Starts a recording proxy on a loopback port, with its own certificate and kubeconfig in `dir`. Requests go on with the client certificate
 * of `kubeconfig` (one that embeds it), whoever the client is; impersonation passes. JSON is the only encoding that it lets clients ask for.
 */
export async function startRecorder(options: {
  readonly kubeconfig: string;
  readonly dir: string;
}): Promise<Recorder> {
  const target = readTarget(await readFile(options.kubeconfig, "utf8"));
  const agent = new Agent({ keepAlive: true, ...target.tls });
  const pki = await openPki(join(options.dir, "pki"), Date.now());
  const serving = await pki.serverCertificate(["127.0.0.1", "localhost"]);
  const exchanges: Exchange[] = [];
  let current = "";
  let onlyReads = false;

  const fetchJson = (path: string, headers: Record<string, string>): Promise<Json> =>
    new Promise((resolve, reject) => {
      const outgoing = httpsRequest(new URL(path, target.url), { agent, headers });
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        collect(incoming).then((bytes) => resolve(parseMaybe(bytes.toString("utf8"))), reject);
      });
      outgoing.end();
    });

  const forward = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const step = current;
    const body = await collect(incoming);
    if (onlyReads && incoming.method !== "GET") {
      const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Forbidden", code: 403 };
      response.writeHead(403, { "content-type": "application/json" });
      response.end(JSON.stringify({ ...status, message: "this recording only reads" }));
      return;
    }
    const headers = upstreamHeaders(incoming.headers, target.url.host);
    if (body.length > 0) headers["content-length"] = String(body.length);
    const url = new URL(incoming.url ?? "/", target.url);
    const outgoing = httpsRequest(url, { agent, method: incoming.method ?? "GET", headers });
    response.on("close", () => {
      if (!response.writableFinished) outgoing.destroy();
    });
    outgoing.on("error", () => response.destroy());
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.on("response", resolve);
      outgoing.on("error", reject);
      outgoing.end(body);
    });
    const kept: Record<string, string | string[] | undefined> = { ...answer.headers };
    delete kept["transfer-encoding"];
    delete kept.connection;
    response.writeHead(answer.statusCode ?? 502, kept);
    response.flushHeaders();
    const chunks: Buffer[] = [];
    answer.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      response.write(chunk);
    });
    await new Promise<void>((resolve) => answer.on("close", resolve));
    response.end();
    if (UNRECORDED.test(url.pathname)) return;
    const accept = headers.accept;
    const head = {
      step,
      at: new Date().toISOString(),
      method: incoming.method ?? "GET",
      path: url.pathname,
      query: url.search,
      ...(accept === undefined ? {} : { accept }),
      ...(headers["content-type"] === undefined ? {} : { contentType: headers["content-type"] }),
      ...(headers["impersonate-user"] === undefined ? {} : { as: headers["impersonate-user"] }),
      ...bodyOf(body, headers["content-type"] ?? ""),
      status: answer.statusCode ?? 0,
      type: answer.headers["content-type"] ?? "",
    };
    const text = Buffer.concat(chunks).toString("utf8");
    if (isWatch(head) && head.status === 200) {
      exchanges.push({ ...head, answer: text.split("\n").filter(Boolean).map(parseMaybe) });
      return;
    }
    const parsed = parseMaybe(text);
    const objects = await behind(head, parsed, fetchJson);
    exchanges.push({ ...head, answer: parsed, ...(objects ? { objects } : {}) });
  };

  const server = createServer({ cert: serving.certPem, key: serving.keyPem }, (incoming, response) => {
    forward(incoming, response).catch(() => response.destroy());
  });
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) =>
    tunnel(target, incoming, socket, head),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kubeconfigPath = join(options.dir, "kubeconfig");
  const kubeconfig = renderKubeconfig({
    cluster: "recorded",
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caPem: pki.caPem,
    user: "admin",
    client: await pki.clientCertificate("admin", []),
  });
  await writeFile(kubeconfigPath, kubeconfig, { mode: 0o600 });
  return {
    kubeconfigPath,
    exchanges,
    step(name, readOnly = false) {
      current = name;
      onlyReads = readOnly;
    },
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function readTarget(text: string): Target {
  const config = parse(text) as Json;
  const cluster = config.clusters[0].cluster;
  const user = config.users[0].user;
  const decode = (data: string) => Buffer.from(data, "base64");
  const ca = cluster["certificate-authority-data"] as string | undefined;
  return {
    url: new URL(cluster.server),
    tls: {
      ...(ca === undefined ? {} : { ca: decode(ca) }),
      cert: decode(user["client-certificate-data"]),
      key: decode(user["client-key-data"]),
    },
  };
}

/** Without hop-by-hop headers, compression and encodings that nobody could read later. */
function upstreamHeaders(incoming: IncomingHttpHeaders, host: string): Record<string, string> {
  const headers: Record<string, string> = { host };
  for (const [name, value] of Object.entries(incoming)) {
    if (["host", "connection", "accept-encoding", "authorization", "transfer-encoding"].includes(name))
      continue;
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  if (headers.accept !== undefined) {
    const readable = headers.accept.split(",").filter((each) => !/protobuf|cbor/.test(each));
    headers.accept = readable.length > 0 ? readable.join(",") : "application/json";
  }
  return headers;
}

function bodyOf(body: Buffer, contentType: string): { body?: Json; bodyBase64?: string } {
  if (body.length === 0) return {};
  if (/protobuf|cbor/.test(contentType)) return { bodyBase64: body.toString("base64") };
  return { body: parseMaybe(body.toString("utf8")) };
}

/** What a Table or a list of metadata does not show: a replay has to know it to render the same. */
async function behind(
  head: Pick<Exchange, "method" | "path" | "query" | "as">,
  answer: Json,
  fetchJson: (path: string, headers: Record<string, string>) => Promise<Json>,
): Promise<KubeObject[] | undefined> {
  if (head.method !== "GET" || !/^(Table|PartialObjectMetadata(List)?)$/.test(answer?.kind ?? ""))
    return undefined;
  const full = await fetchJson(`${head.path}${head.query}`, {
    accept: "application/json",
    ...(head.as === undefined ? {} : { "impersonate-user": head.as }),
  });
  if (full.kind === "Status") return undefined;
  if (full.items === undefined) return [full];
  const kind = String(full.kind).slice(0, -"List".length);
  return full.items.map((item: Json) => ({ apiVersion: full.apiVersion, kind, ...item }));
}

async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Port-forwards and the like pass as they are, unrecorded. */
function tunnel(target: Target, incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { hostname, port } = target.url;
  const raw = connect(Number(port || 443), hostname);
  const upstream = connectTls({ socket: raw, ...target.tls, ALPNProtocols: ["http/1.1"] });
  const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`];
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    const name = incoming.rawHeaders[i]!;
    if (!/^authorization$/i.test(name)) lines.push(`${name}: ${incoming.rawHeaders[i + 1]}`);
  }
  upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
  upstream.write(head);
  upstream.pipe(socket).pipe(upstream);
  for (const each of [socket, upstream]) {
    each.on("error", () => {
      socket.destroy();
      upstream.destroy();
    });
  }
}
