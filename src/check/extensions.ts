import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { CheckInputs, CheckOutcome, CheckResult } from "./check.ts";
import { listObjects } from "./read.ts";

/** Label of the namespace of an extension; its value is the extension's name. */
export const EXTENSION_LABEL = "meshctl.io/extension";

const PREFIX = "meshctl-";
const METADATA_MS_MAX = 5_000;
const OUTPUT_BYTES_MAX = 16 * 2 ** 20;

export interface ExtensionOptions {
  readonly inputs: CheckInputs;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags that extensions get too: `["--namespace=demo", ...]`. */
  readonly flags: readonly string[];
  /** How long one extension may take, milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Lets each extension check itself: programs `meshctl-NAME` on the PATH that want always to be asked, and those of the
 * namespaces that carry an extension's label. In the order of their names.
 */
export async function checkExtensions(options: ExtensionOptions): Promise<CheckResult[]> {
  const programs = await findPrograms(options.env.PATH);
  const wanted = new Map<string, string | undefined>();
  await Promise.all(
    [...programs].map(async ([name, file]) => {
      if (await wantsAlways(name, file, options)) wanted.set(name, file);
    }),
  );
  const namespaces = await listObjects(options.inputs, "/api/v1/namespaces", EXTENSION_LABEL);
  for (const { metadata } of namespaces) {
    const name = `${PREFIX}${metadata.labels?.[EXTENSION_LABEL]}`;
    wanted.set(name, programs.get(name));
  }
  const names = [...wanted.keys()].sort();
  const results = await Promise.all(
    names.map((name) => {
      const file = wanted.get(name);
      return file === undefined ? [missingProgram(name)] : runExtension(name, file, options);
    }),
  );
  return results.flat();
}

/** Programs `meshctl-*` by name; the first folder of the PATH wins. */
async function findPrograms(pathVariable: string | undefined): Promise<Map<string, string>> {
  const programs = new Map<string, string>();
  for (const folder of (pathVariable ?? "").split(delimiter)) {
    if (folder === "") continue;
    // The PATH may name folders that are not there.
    const names = await readdir(folder).catch(() => []);
    for (const name of names) {
      if (!name.startsWith(PREFIX) || programs.has(name)) continue;
      const file = join(folder, name);
      const found = await stat(file).catch(() => undefined);
      if (found?.isFile() && (found.mode & 0o111) !== 0) programs.set(name, file);
    }
  }
  return programs;
}

/** A program says `{"name": "<its own file name>", "checks": "always"}`; one that knows no such question says something else. */
async function wantsAlways(name: string, file: string, options: ExtensionOptions): Promise<boolean> {
  const { stdout } = await runProgram(file, ["_extension-metadata"], METADATA_MS_MAX, options);
  try {
    const metadata = JSON.parse(stdout);
    return metadata.name === name && metadata.checks === "always";
  } catch {
    return false;
  }
}

async function runExtension(name: string, file: string, options: ExtensionOptions): Promise<CheckResult[]> {
  const args = ["check", ...options.flags, "--output=json"];
  const { stdout, failure } = await runProgram(file, args, options.timeoutMs, options);
  const results = parseResults(stdout);
  if (results) return results;
  const said = failure ?? `its output is no result of checks: ${stdout.slice(0, 200)}`;
  return [
    {
      category: name,
      label: [name, ...args].join(" "),
      anchor: "extensions",
      outcome: "error",
      error: `the extension did not say how it is: ${said}`,
    },
  ];
}

function missingProgram(name: string): CheckResult {
  return {
    category: name,
    label: `${name} command is on the PATH`,
    anchor: "extensions",
    outcome: "warning",
    error: `the extension is installed in the cluster, and there is no ${name} to check it with`,
  };
}

/** Results as `check -o json` prints them; undefined when it is something else. */
function parseResults(text: string): CheckResult[] | undefined {
  let parsed: { categories?: unknown };
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed.categories)) return undefined;
  const categories = parsed.categories as {
    categoryName: string;
    checks?: { description: string; hint?: string; error?: string; result: string }[];
  }[];
  return categories.flatMap(({ categoryName, checks = [] }) =>
    checks.map(({ description, hint, error, result }) => ({
      category: categoryName,
      label: description,
      anchor: "extensions",
      outcome: OUTCOMES.find((outcome) => outcome === result) ?? "error",
      ...(error === undefined ? {} : { error }),
      ...(hint === undefined ? {} : { hint }),
    })),
  );
}

const OUTCOMES: readonly CheckOutcome[] = ["success", "warning", "error"];

/** Never rejects: that a program fails is a result. Its exit code says no more than its output. */
function runProgram(
  file: string,
  args: readonly string[],
  timeoutMs: number,
  { env, signal }: ExtensionOptions,
): Promise<{ readonly stdout: string; readonly failure: string | undefined }> {
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      { env: { ...env }, signal, timeout: timeoutMs, maxBuffer: OUTPUT_BYTES_MAX },
      (error, stdout, stderr) => {
        const failure = error ? stderr.trim().split("\n")[0] || error.message : undefined;
        resolve({ stdout, failure });
      },
    );
  });
}
