import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { MeshError } from "../base/error.ts";

/** The first executable file `meshctl-<word>` on the PATH. */
export function findPlugin(word: string, pathVariable: string | undefined): string | undefined {
  // A word with a slash would leave the PATH's folders.
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(word)) return undefined;
  return findExecutable(`meshctl-${word}`, pathVariable);
}

/** The first executable file of a name on the PATH. */
export function findExecutable(name: string, pathVariable: string | undefined): string | undefined {
  for (const folder of (pathVariable ?? "").split(delimiter)) {
    if (folder === "") continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not there, or not ours to run: the next folder decides.
    }
  }
  return undefined;
}

/**
 * Runs a plugin with our standard streams.
 *
 * @returns 0 when it succeeded, 130 when it was interrupted, 1 for everything else
 * @throws MeshError `PLUGIN_NOT_RUNNABLE`
 */
export function runPlugin(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: "inherit", env: { ...env } });
    child.on("error", (cause) =>
      reject(
        new MeshError({
          kind: "environment",
          code: "PLUGIN_NOT_RUNNABLE",
          message: `cannot run the plugin ${file}`,
          hint: `check that it starts by itself: ${file} --help`,
          cause,
        }),
      ),
    );
    child.on("close", (exitCode, signal) => {
      if (signal === "SIGINT" || exitCode === 130) resolve(130);
      else resolve(exitCode === 0 ? 0 : 1);
    });
  });
}
