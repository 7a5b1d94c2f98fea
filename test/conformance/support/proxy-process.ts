import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readlink } from "node:fs/promises";
import { get } from "node:http";
import { fileURLToPath } from "node:url";
import type { Exchange } from "../../../src/observe/exchange.ts";
import { BUILT_ENTRY } from "../../support/run-process.ts";

const ADMIN_PORT = 4191;
const PROBE = fileURLToPath(new URL("./probe.cjs", import.meta.url));

/** What a proxy holds when it has nothing to do. */
export interface Held {
  /** Open sockets of the process, listeners included (Linux). */
  readonly sockets: number;
  /** JavaScript heap after a collection, bytes. */
  readonly heapBytes: number;
  /** Buffers beside the heap, bytes. */
  readonly bufferBytes: number;
  /** Active handles and timers by kind, as Node counts them. */
  readonly resources: Readonly<Record<string, number>>;
}

export interface ProxyProcess {
  readonly child: ChildProcess;
  /** Resolves when it accepts connections; rejects with all it wrote when it ends before. */
  readonly ready: Promise<void>;
  /** Exit code or signal. */
  readonly exit: Promise<number | string>;
  stderr(): string;
  /** The body of a good admin answer. */
  admin(path: string): Promise<string>;
  /** Counts what is held, after a garbage collection. */
  held(): Promise<Held>;
  /** SIGTERM, and SIGKILL should that not do. */
  stop(): Promise<number | string>;
}

/** @param options `host`: the pod's address, where its admin port is */
export function startProxyProcess(
  variables: Readonly<Record<string, string>>,
  options: { readonly host: string; readonly env?: Readonly<Record<string, string>> },
): ProxyProcess {
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  for (const name of Object.keys(env)) if (/^(MESHCTL|LINKERD2)_PROXY_/.test(name)) delete env[name];
  delete env.NODE_TEST_CONTEXT;
  for (const [name, value] of Object.entries(variables)) env[`MESHCTL_PROXY_${name}`] = value;
  const child = spawn(process.execPath, ["--expose-gc", "--require", PROBE, BUILT_ENTRY, "proxy"], {
    env,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stderr = "";
  const ready = Promise.withResolvers<void>();
  child.stderr!.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    if (stderr.includes("accepting connections")) ready.resolve();
  });
  const exit = new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code ?? signal ?? "gone"));
  });
  void exit.then((how) => ready.reject(new Error(`proxy ended (${how}) before it was ready\n${stderr}`)));
  ready.promise.catch(() => {});
  return {
    child,
    ready: ready.promise,
    exit,
    stderr: () => stderr,
    admin: (path) => ask(options.host, path),
    async held() {
      const answer = new Promise<Omit<Held, "sockets">>((resolve) =>
        child.once("message", (message) => resolve(message as Omit<Held, "sockets">)),
      );
      child.send("held");
      const gone = exit.then((how) => {
        throw new Error(`the proxy has ended (${how})\n${stderr}`);
      });
      return { ...(await Promise.race([answer, gone])), sockets: await countSockets(child.pid!) };
    },
    async stop() {
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      // A proxy that does not end by itself is a finding of the test that looks at the exit.
      const limit = setTimeout(() => child.kill("SIGKILL"), 20_000);
      const how = await exit;
      clearTimeout(limit);
      return how;
    },
  };
}

/** What the proxy's ring holds, oldest first. */
export async function recordsOf(proxy: ProxyProcess): Promise<Exchange[]> {
  const [, ...lines] = (await proxy.admin("/records")).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Exchange);
}

/** Asks from the pod's own address: what is for the own host only is answered too. */
function ask(host: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port: ADMIN_PORT, path, localAddress: host, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(text)
          : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
      );
    });
    request.on("error", reject);
  });
}

async function countSockets(pid: number): Promise<number> {
  let count = 0;
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    try {
      if ((await readlink(`/proc/${pid}/fd/${fd}`)).startsWith("socket:")) count++;
    } catch {
      // Closed while we looked.
    }
  }
  return count;
}
