import { readdir, readFile } from "node:fs/promises";

/** Command lines of processes whose environment has the text (Linux; undefined elsewhere). */
export async function processesWith(text: string): Promise<string[] | undefined> {
  if (process.platform !== "linux") return undefined;
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const environment = await readFile(`/proc/${pid}/environ`, "latin1");
      if (environment.split("\0").includes(text)) {
        found.push(`${pid} ${(await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ")}`);
      }
    } catch {
      // It ended while we looked, or belongs to another user.
    }
  }
  return found;
}
