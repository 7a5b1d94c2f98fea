import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { parse } from "yaml";
import { systemClock } from "../../../src/base/clock.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { ResourceRef } from "../../../src/kube/source.ts";
import {
  type ApiServer,
  type ApiServerOptions,
  createApiServer,
} from "../../../src/local/apiserver/server.ts";

export const PODS: ResourceRef = { group: "", version: "v1", plural: "pods", kind: "Pod" };
export const CONFIG_MAPS: ResourceRef = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
export const NAMESPACES: ResourceRef = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
export const SERVICE_ACCOUNTS: ResourceRef = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
};
export const DEPLOYMENTS: ResourceRef = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
};

export interface TestServer {
  readonly api: ApiServer;
  readonly kubeconfigPath: string;
  readonly dir: string;
  /** As the admin, or with the headers given. */
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Lines of a stream, until `count` of them have come; then it is closed. */
  lines(path: string, count: number, onStarted?: () => void): Promise<KubeObject[]>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: any JSON
  readonly body: any;
}

/** A server with its own directory, a `default` ServiceAccount in namespace `demo`, and an admin's client. All gone after the test. */
export async function startServer(
  t: TestContext,
  options: Partial<ApiServerOptions> = {},
): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), "meshctl-apiserver-"));
  const api = await createApiServer({ dir, port: 0, clock: systemClock, log: silentLogger, ...options });
  t.after(async () => {
    await api.close();
    await rm(dir, { recursive: true, force: true });
  });
  await api.objects.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } });
  for (const namespace of ["default", "demo"]) {
    await api.objects.create(SERVICE_ACCOUNTS, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "default", namespace },
    });
  }
  const kubeconfig = await api.kubeconfig();
  const kubeconfigPath = join(dir, "kubeconfig");
  await writeFile(kubeconfigPath, kubeconfig, { mode: 0o600 });
  const user = parse(kubeconfig).users[0].user;
  const decode = (text: string) => Buffer.from(text, "base64");
  const tls = {
    ca: api.caPem,
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  };
  const open = (method: string, path: string, headers: Record<string, string>) =>
    httpsRequest({
      host: api.host,
      port: api.port,
      method,
      path,
      agent: false,
      headers,
      // A token or nothing at all must not travel with the admin's certificate.
      ...(headers.authorization === undefined && headers["x-anonymous"] === undefined
        ? tls
        : { ca: api.caPem }),
    });
  return {
    api,
    kubeconfigPath,
    dir,
    request: (method, path, body, headers = {}) =>
      new Promise((resolve, reject) => {
        const outgoing = open(method, path, { "content-type": "application/json", ...headers });
        outgoing.on("error", reject);
        outgoing.on("response", (incoming) => {
          let text = "";
          incoming.setEncoding("utf8");
          incoming.on("data", (chunk: string) => {
            text += chunk;
          });
          incoming.on("error", reject);
          incoming.on("end", () => {
            const json = (incoming.headers["content-type"] ?? "").includes("json");
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              body: json ? JSON.parse(text) : text,
            });
          });
        });
        outgoing.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
      }),
    lines: (path, count, onStarted) =>
      new Promise((resolve, reject) => {
        const found: KubeObject[] = [];
        const outgoing = open("GET", path, {});
        outgoing.on("error", (error) => (found.length >= count ? undefined : reject(error)));
        outgoing.on("response", (incoming) => {
          let rest = "";
          onStarted?.();
          const finish = () => {
            outgoing.destroy();
            resolve(found);
          };
          incoming.on("data", (chunk: Buffer) => {
            rest += chunk.toString("utf8");
            for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
              found.push(JSON.parse(rest.slice(0, end)) as KubeObject);
              rest = rest.slice(end + 1);
              if (found.length === count) return finish();
            }
          });
          incoming.on("end", () => resolve(found));
          incoming.on("error", () => {});
        });
        outgoing.end();
      }),
  };
}

/** Where kubectl is, or undefined. */
export function findKubectl(): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const file = join(folder, "kubectl");
    if (folder !== "" && existsSync(file)) return file;
  }
  return undefined;
}

export interface KubectlResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs kubectl with this server's kubeconfig only, and a cache of its own. It is ended once its output matches `until`. */
export function kubectl(
  server: TestServer,
  args: readonly string[],
  input?: string,
  until?: RegExp,
): Promise<KubectlResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      findKubectl()!,
      ["--kubeconfig", server.kubeconfigPath, "--cache-dir", join(server.dir, "cache"), ...args],
      { stdio: ["pipe", "pipe", "pipe"], env: { PATH: process.env.PATH, HOME: server.dir } },
    );
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8");
      if (until?.test(stdout)) child.kill();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString("utf8");
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ exitCode: code ?? -1, stdout, stderr }));
    child.stdin.end(input ?? "");
  });
}

export function configMap(name: string, data: Record<string, string> = {}, namespace = "demo"): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data };
}

export function pod(name: string, extra: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "demo", labels: { app: name } },
    spec: {
      containers: [{ name: "main", image: "example/app:1", ports: [{ containerPort: 8080, name: "http" }] }],
      ...extra,
    },
  };
}
