import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { KubeClient } from "../../src/kube/client.ts";

const ENTRY = fileURLToPath(new URL("../../dist/meshctl.js", import.meta.url));
const STOP_LIMIT_MS = 6000;

export interface ControlPlaneOptions {
  /** Holds what `writeCredentials` wrote. */
  readonly dir: string;
  readonly kubeconfig: string;
  /** For the controller's process: `--cpu-prof`. */
  readonly nodeFlags: readonly string[];
}

/** Identity and controller of the built program, in processes of their own. */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  #identity: ChildProcess | undefined;
  #controller: ChildProcess | undefined;
  #identityPort = 0;
  /** Of the destination service. */
  port = 0;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  get pid(): number {
    return this.#controller!.pid!;
  }

  async start(client: KubeClient): Promise<void> {
    await createAccount(client);
    const token = await client.request(
      "POST",
      "/api/v1/namespaces/meshctl/serviceaccounts/meshctl-controller/token",
      {
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { audiences: ["identity.l5d.io"], expirationSeconds: 86_400 },
        },
      },
    );
    writeFileSync(join(this.#options.dir, "token"), token.status.token, { mode: 0o600 });
    this.#identity = this.#spawn([], "identity", ["--port=0", `--issuer-dir=${this.#options.dir}`]);
    this.#identityPort = await listening(this.#identity, "identity");
    await this.startController(0);
  }

  /** @param port 0 for any; the one that subscribers know when it starts again */
  async startController(port: number): Promise<void> {
    const { dir, nodeFlags } = this.#options;
    this.#controller = this.#spawn(nodeFlags, "controller", [
      `--values-file=${join(dir, "values")}`,
      `--tls-dir=${dir}`,
      `--token-file=${join(dir, "token")}`,
      `--identity-addr=127.0.0.1:${this.#identityPort}`,
      `--destination-port=${port}`,
      "--policy-port=0",
      "--injector-port=0",
    ]);
    this.port = await listening(this.#controller, "destination");
  }

  async stopController(signal: NodeJS.Signals): Promise<void> {
    await end(this.#controller, signal);
  }

  async stop(): Promise<void> {
    await Promise.all([end(this.#controller, "SIGTERM"), end(this.#identity, "SIGTERM")]);
  }

  #spawn(nodeFlags: readonly string[], name: string, args: readonly string[]): ChildProcess {
    const { dir, kubeconfig } = this.#options;
    const shared = [`--trust-roots=${join(dir, "ca-bundle.crt")}`, "--admin-port=0"];
    return spawn(
      process.execPath,
      [...nodeFlags, ENTRY, "control-plane", name, ...args, ...shared, `--kubeconfig=${kubeconfig}`],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, LISTEN_HOST: "127.0.0.1" } },
    );
  }
}

async function createAccount(client: KubeClient): Promise<void> {
  for (const [path, kind, name] of [
    ["/api/v1/namespaces", "Namespace", "meshctl"],
    ["/api/v1/namespaces/meshctl/serviceaccounts", "ServiceAccount", "meshctl-controller"],
  ] as const) {
    await client
      .request("POST", path, { body: { apiVersion: "v1", kind, metadata: { name } } })
      .catch((error: { code?: string }) => {
        if (error.code !== "KUBE_ALREADY_EXISTS") throw error;
      });
  }
}

/** The port that a server's log names; its other warnings are passed on. */
function listening(child: ChildProcess, server: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    child.once("exit", (code) => reject(new Error(`${server} ended with ${code}:\n${lines.join("\n")}`)));
    createInterface({ input: child.stderr! }).on("line", (line) => {
      if (lines.length < 50) lines.push(line);
      const match = new RegExp(`listening server=${server} port=(\\d+)`).exec(line);
      if (match) resolve(Number(match[1]));
      else if (/ (WARN|ERROR) /i.test(line)) process.stderr.write(`${server}: ${line}\n`);
    });
  });
}

function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return resolve();
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill(signal);
  });
}
