import type { Command } from "../../src/cli/command.ts";
import { type CliIo, runCli } from "../../src/cli/run.ts";
import type { Verb, VerbRegistry } from "../../src/cli/verb.ts";
import { createFakeConsole, type FakeConsoleOptions } from "./console.ts";

export interface LineResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LineOptions extends FakeConsoleOptions {
  readonly env?: CliIo["env"];
  readonly cwd?: string;
  readonly signal?: AbortSignal;
}

/** Runs one command line in this process, with a fake console. */
export async function runLine(
  registry: VerbRegistry,
  argv: readonly string[],
  options: LineOptions = {},
): Promise<LineResult> {
  const console = createFakeConsole(options);
  const exitCode = await runCli(argv, {
    console,
    env: options.env ?? {},
    cwd: options.cwd ?? "/nowhere",
    signal: options.signal ?? new AbortController().signal,
    registry,
  });
  return { exitCode, stdout: console.stdoutText, stderr: console.stderrText };
}

/** A registry of the given commands. */
export function registryOf(commands: readonly Command[], more: Partial<Verb> = {}): VerbRegistry {
  const verbs = Object.fromEntries(
    commands.map((command) => [
      command.name,
      { summary: command.summary, group: "Look", load: async () => ({ command }), ...more } satisfies Verb,
    ]),
  );
  return { verbs, later: { routes: "metrics by route" } };
}
