import { unifiedDiff } from "./line-diff.ts";
import { printStream } from "./print-stream.ts";
import type { RewriteOutcome } from "./rewrite-inputs.ts";

/** What `inject` and `uninject` take: their argument and flags, as src/cli has them. */
export const FILES_ARGUMENT = {
  name: "FILE",
  summary: "file, directory, https URL, or - for standard input",
  required: true,
  variadic: true,
} as const;

export const REWRITE_FLAGS = [
  {
    name: "keep-going",
    type: "boolean",
    summary: "rewrite what can be; what cannot stays as it is (exit code 1)",
  },
  {
    name: "dry-run",
    type: "boolean",
    summary: "print what would change, as a diff, instead of the manifests",
  },
  {
    name: "output",
    short: "o",
    type: "string",
    placeholder: "FORMAT",
    summary: "yaml: the input's own form; json: one object a line",
    choices: ["yaml", "json"],
    default: "yaml",
  },
] as const;

interface Streams {
  readonly stdout: { write(text: string): void };
  readonly stderr: { write(text: string): void };
}

/** Prints what became of the inputs: manifests or a diff, then the report, then what could not be rewritten. */
export async function printOutcome(
  outcome: RewriteOutcome,
  report: string,
  options: Readonly<Record<string, unknown>>,
  { stdout, stderr }: Streams,
): Promise<{ readonly exitCode: number }> {
  if (options.dryRun === true) {
    for (const { name, before, after } of outcome.inputs) stdout.write(unifiedDiff(name, before, after));
  } else stdout.write(await printStream(outcome.text, options.output as "yaml" | "json"));
  stderr.write(report);
  for (const failure of outcome.failures) stderr.write(`error: ${failure}\n`);
  return { exitCode: outcome.failures.length > 0 ? 1 : 0 };
}
