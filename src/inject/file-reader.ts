import { readdir, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { InputReader } from "./read-inputs.ts";

/** Reads from the machine: standard input, files below a working directory, the network. */
export function createInputReader(
  stdin: { readAll(): Promise<Buffer> },
  cwd: string,
  fetch: InputReader["fetch"],
): InputReader {
  return {
    readStdin: () => stdin.readAll(),
    readFile: (path) => readFile(resolve(cwd, path)),
    async readDirectory(path) {
      if (!(await stat(resolve(cwd, path))).isDirectory()) return undefined;
      const entries = await readdir(resolve(cwd, path), { withFileTypes: true });
      const found: { name: string; isDirectory: boolean }[] = [];
      for (const entry of entries) {
        // Links to files count; links to directories may lead in circles, or to what is listed already (mounted ConfigMaps).
        const linkedDirectory =
          entry.isSymbolicLink() && (await stat(resolve(cwd, path, entry.name))).isDirectory();
        if (!linkedDirectory) found.push({ name: entry.name, isDirectory: entry.isDirectory() });
      }
      return found;
    },
    fetch,
  };
}
