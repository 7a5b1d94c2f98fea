import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCli } from "../../src/cli/run.ts";
import type { VerbRegistry } from "../../src/cli/verb.ts";
import { startClusterServer } from "./cluster-server.ts";
import { createFakeConsole } from "./console.ts";
import { normalize } from "./normalize.ts";

/**
 * A case is a folder `<command>/<case>/`: `cmd` (one line of arguments, without the program), inputs, and what to expect:
 * `stdout`, `stderr`, `exit` (absent: empty, empty, 0). Optional: `stdin`; `env` (lines `NAME=value`); `cluster`: name of a folder
 * in `clusters/` that an API server is made of (see cluster-server.ts), and in which a file `install` holds the arguments of an installation that
 * is in it.
 */
export interface GoldenCase {
  readonly command: string;
  readonly name: string;
  readonly directory: string;
}

export interface GoldenOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: string;
}

/** Every case below a folder, in the order of their names. */
export function discoverGoldenCases(root: string): GoldenCase[] {
  const cases: GoldenCase[] = [];
  for (const command of folders(root)) {
    for (const name of folders(join(root, command))) {
      const directory = join(root, command, name);
      if (existsSync(join(directory, "cmd"))) cases.push({ command, name, directory });
    }
  }
  return cases;
}

/** Runs a case in this process, in its own folder, with an empty environment. */
export async function runGoldenCase(golden: GoldenCase, registry: VerbRegistry): Promise<GoldenOutcome> {
  const argv = splitWords(read(golden, "cmd")?.trim() ?? "");
  const stdin = join(golden.directory, "stdin");
  const console = createFakeConsole(existsSync(stdin) ? { stdin: readFileSync(stdin) } : {});
  const clusterName = read(golden, "cluster")?.trim();
  const server = clusterName === undefined ? undefined : await startCluster(golden, clusterName, registry);
  try {
    const exit = await runCli(argv, {
      console,
      env: {
        HOME: golden.directory,
        ...(server ? { KUBECONFIG: server.kubeconfig } : {}),
        ...parseEnv(read(golden, "env") ?? ""),
      },
      cwd: golden.directory,
      signal: new AbortController().signal,
      registry,
    });
    const tidy = (text: string) => {
      const known = text.replaceAll(golden.directory, "<case>");
      return normalize(server ? known.replaceAll(server.url, "<server>") : known);
    };
    return { stdout: tidy(console.stdoutText), stderr: tidy(console.stderrText), exit: `${exit}\n` };
  } finally {
    await server?.close();
  }
}

async function startCluster(golden: GoldenCase, name: string, registry: VerbRegistry) {
  const folder = join(golden.directory, "..", "..", "clusters", name);
  assert.ok(existsSync(folder), `there is no cluster ${folder}`);
  const install = join(folder, "install");
  if (!existsSync(install)) return startClusterServer(folder);
  const console = createFakeConsole();
  const argv = [
    "install",
    "--ignore-cluster",
    "-o",
    "json",
    ...splitWords(readFileSync(install, "utf8").trim()),
  ];
  const signal = new AbortController().signal;
  const exit = await runCli(argv, { console, env: {}, cwd: folder, signal, registry });
  assert.equal(exit, 0, console.stderrText);
  const objects = console.stdoutText.trimEnd().split("\n");
  return startClusterServer(
    folder,
    objects.map((line) => JSON.parse(line)),
  );
}

/** Compares bytes; `UPDATE_GOLDEN=1` writes them instead, never in CI. */
export function compareGolden(golden: GoldenCase, outcome: GoldenOutcome, env: NodeJS.ProcessEnv): void {
  if (env.UPDATE_GOLDEN === "1") {
    assert.ok(!env.CI, "golden files are not written in CI");
    for (const name of ["stdout", "stderr", "exit"] as const) {
      writeFileSync(join(golden.directory, name), outcome[name]);
    }
    return;
  }
  const expected: GoldenOutcome = {
    stdout: read(golden, "stdout") ?? "",
    stderr: read(golden, "stderr") ?? "",
    exit: read(golden, "exit") ?? "0\n",
  };
  assert.deepEqual(outcome, expected, `meshctl ${read(golden, "cmd")?.trim()} in ${golden.directory}`);
}

/** Arguments at blanks; single and double quotes hold them together. */
export function splitWords(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"),
  );
}

function read(golden: GoldenCase, name: string): string | undefined {
  const path = join(golden.directory, name);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function folders(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function parseEnv(text: string): Record<string, string> {
  const pairs = text.split("\n").filter((line) => line.includes("="));
  return Object.fromEntries(
    pairs.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
