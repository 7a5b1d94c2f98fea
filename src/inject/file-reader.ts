import { readdir, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { InputReader } from "./read-inputs.ts";

/** Reads from the machine: standard input, files below a working directory, the network. */
export function createInputReader(stdin: { readAll(): Promise<Buffer> }, cwd: string): InputReader {
  return {
    readStdin: () => stdin.readAll(),
    readFile: (path) => readFile(resolve(cwd, path)),
    async readDirectory(path) {
      if (!(await stat(resolve(cwd, path))).isDirectory()) return undefined;
      const entries = await readdir(resolve(cwd, path), { withFileTypes: true });
      return Promise.all(
        entries.map(async (entry) => ({
          name: entry.name,
          isDirectory: entry.isSymbolicLink()
            ? (await stat(resolve(cwd, path, entry.name))).isDirectory()
            : entry.isDirectory(),
        })),
      );
    },
    fetch: (url) => fetch(url),
  };
}
