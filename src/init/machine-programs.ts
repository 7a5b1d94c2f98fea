import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { ProgramResult, Programs } from "./firewall.ts";

/** Where firewalls lie, on machines whose users' PATH leaves it out. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin"];

export function machinePrograms(env: Readonly<Record<string, string | undefined>>): Programs {
  const folders = [...(env.PATH ?? "").split(":").filter((folder) => folder !== ""), ...SYSTEM_FOLDERS];
  const find = (name: string): string | undefined =>
    folders.map((folder) => join(folder, name)).find(isExecutable);
  return {
    has: (name) => find(name) !== undefined,
    run: (name, args, stdin) => run(find(name) ?? name, args, stdin, folders.join(":")),
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function run(path: string, args: readonly string[], stdin: string, PATH: string): Promise<ProgramResult> {
  return new Promise((resolve) => {
    let stdout = "";
    let stderr = "";
    // No locale: what the program says is matched and shown as it is.
    const child = spawn(path, args, { env: { PATH, LC_ALL: "C" }, stdio: ["pipe", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", (error) => resolve({ exitCode: 127, stdout, stderr: error.message }));
    child.on("close", (code, signal) =>
      resolve({ exitCode: code ?? 1, stdout, stderr: signal ? `${stderr}ended by ${signal}` : stderr }),
    );
    child.stdin.on("error", () => {
      // It ended without reading; its exit code tells.
    });
    child.stdin.end(stdin);
  });
}
