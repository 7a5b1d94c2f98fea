import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningProcess, startProcess } from "../../support/run-process.ts";
import { until } from "../../support/until.ts";
import { findProgram } from "./programs.ts";
import { type Address, canConnect } from "./sockets.ts";

/** A program that serves until it is stopped, with a folder of its own for its configuration. */
export interface StartedServer {
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

/** Starts a program by a configuration file, and waits until it takes connections. */
async function startConfigured(
  program: string,
  config: (folder: string) => string,
  args: (folder: string, file: string) => readonly string[],
  address: Address,
): Promise<StartedServer> {
  const folder = await mkdtemp(join(tmpdir(), "meshctl-server-"));
  const file = join(folder, "config");
  await writeFile(file, config(folder));
  return await startServer(findProgram(program)!, args(folder, file), address, folder);
}

/** Starts a program and waits until it takes connections. @param folder removed at the end, and where it runs */
export async function startServer(
  path: string,
  args: readonly string[],
  address: Address,
  folder?: string,
): Promise<StartedServer> {
  const process = startProcess(path, args, folder === undefined ? {} : { cwd: folder });
  const stop = async () => {
    process.child.kill("SIGTERM");
    await process.done;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(`${path} to listen`, async () => {
      if (process.child.exitCode !== null)
        throw new Error(`${path} ended\n${process.stdout()}${process.stderr()}`);
      return await canConnect(address);
    });
    return { process, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** nginx in the foreground with one `http` block; it needs neither root nor the distribution's configuration. */
export function startNginx(address: Address, http: string): Promise<StartedServer> {
  return startConfigured(
    "nginx",
    (folder) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr error;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 0;
  ${http}
}
`,
    (folder, file) => ["-c", file, "-p", folder, "-e", "stderr"],
    address,
  );
}

export function startHaproxy(address: Address, sections: string): Promise<StartedServer> {
  return startConfigured(
    "haproxy",
    () => `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  ${sections.trim()}
`,
    (_folder, file) => ["-db", "-f", file],
    address,
  );
}
