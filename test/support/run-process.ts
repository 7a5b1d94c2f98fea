import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's top folder, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The built entry; `npm test` builds it first. */
export const BUILT_ENTRY = `${ROOT}dist/meshctl.js`;

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string | Buffer;
  /** Ends the process (SIGKILL) and fails, so that a hang is a failure with output; not a statement about speed. */
  readonly limitMs?: number;
  /** Fails on any other exit code; `"any"` accepts all. Default 0. */
  readonly expectExit?: number | "any";
}

export interface RunResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. On an unexpected exit code the error shows command, both streams and the code. */
export function runProcess(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = start(command, args, options);
    const output = collect(child);
    let limitHit = false;
    const limit = setTimeout(() => {
      limitHit = true;
      child.kill("SIGKILL");
    }, options.limitMs ?? 60_000);
    child.on("error", (error) => {
      clearTimeout(limit);
      reject(new Error(`cannot run ${command}: ${error.message}`, { cause: error }));
    });
    child.on("close", (exitCode, signal) => {
      clearTimeout(limit);
      const result = { exitCode, signal, stdout: output.stdout(), stderr: output.stderr() };
      const expected = options.expectExit ?? 0;
      if (limitHit || (expected !== "any" && exitCode !== expected)) {
        const problem = limitHit
          ? `did not end within ${options.limitMs ?? 60_000} ms`
          : `expected exit ${expected}`;
        reject(new Error(`${problem}\n${describeRun(command, args, result)}`));
      } else resolve(result);
    });
    child.stdin?.on("error", () => {
      // The program may end without reading its input; its exit code tells.
    });
    child.stdin?.end(options.stdin ?? "");
  });
}

/** Runs the built `meshctl`. */
export function runMeshctl(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runProcess(process.execPath, [BUILT_ENTRY, ...args], options);
}

/** A program that goes on: what it wrote so far, waiting for a text, and stopping it. */
export interface RunningProcess {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves with the match once the output (both streams) matches; rejects with all output when the program ends before. */
  waitFor(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray>;
  /** Resolves at the end of the program. */
  readonly done: Promise<RunResult>;
}

export function startProcess(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): RunningProcess {
  const child = start(command, args, options);
  child.stdin?.end(options.stdin ?? "");
  const output = collect(child);
  const done = new Promise<RunResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) =>
      resolve({ exitCode, signal, stdout: output.stdout(), stderr: output.stderr() }),
    );
  });
  return {
    child,
    stdout: output.stdout,
    stderr: output.stderr,
    done,
    waitFor(pattern, limitMs = 60_000) {
      return new Promise((resolve, reject) => {
        const fail = (problem: string, exitCode: number | null, signal: NodeJS.Signals | null) => {
          stop();
          const result = { exitCode, signal, stdout: output.stdout(), stderr: output.stderr() };
          reject(new Error(`${problem} ${pattern}\n${describeRun(command, args, result)}`));
        };
        const look = () => {
          const match = pattern.exec(output.stdout()) ?? pattern.exec(output.stderr());
          if (!match) return;
          stop();
          resolve(match);
        };
        const onClose = (exitCode: number | null, signal: NodeJS.Signals | null) => {
          look();
          fail("ended before it wrote", exitCode, signal);
        };
        const limit = setTimeout(() => fail(`did not within ${limitMs} ms write`, null, null), limitMs);
        const stop = () => {
          clearTimeout(limit);
          child.stdout?.off("data", look);
          child.stderr?.off("data", look);
          child.off("close", onClose);
        };
        child.stdout?.on("data", look);
        child.stderr?.on("data", look);
        child.on("close", onClose);
        look();
      });
    },
  };
}

/** Command, exit and both streams, for a failure's message. */
export function describeRun(command: string, args: readonly string[], result: RunResult): string {
  return [
    `command: ${[command, ...args].join(" ")}`,
    `exit:    ${result.exitCode ?? result.signal}`,
    `stdout:\n${result.stdout}`,
    `stderr:\n${result.stderr}`,
  ].join("\n");
}

function start(command: string, args: readonly string[], options: RunOptions): ChildProcess {
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  for (const [name, value] of Object.entries(env)) if (value === undefined) delete env[name];
  // Set by node's test runner in its children; a program under test must not think that it is a test.
  delete env.NODE_TEST_CONTEXT;
  return spawn(command, args, { cwd: options.cwd ?? ROOT, env, stdio: ["pipe", "pipe", "pipe"] });
}

function collect(child: ChildProcess): { stdout(): string; stderr(): string } {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  return {
    stdout: () => Buffer.concat(stdout).toString("utf8"),
    stderr: () => Buffer.concat(stderr).toString("utf8"),
  };
}
