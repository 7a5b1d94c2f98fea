import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { systemErrorCode } from "../base/error.ts";

/**
 * Makes a folder and what is missing above it, one at a time.
 *
 * Node's own `recursive` never returns where a parent takes no entries and says that it does not exist, as /proc does: it goes
 * up and down for ever, on a thread that no signal reaches.
 *
 * @param path absolute
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  const missing: string[] = [];
  for (let at = path; !(await exists(at)); at = dirname(at)) missing.push(at);
  if (missing.length === 0) {
    if ((await stat(path)).isDirectory()) return;
    throw Object.assign(new Error(`EEXIST: ${path} is a file`), { code: "EEXIST" });
  }
  for (const folder of missing.reverse()) {
    try {
      await mkdir(folder, { mode });
    } catch (caught) {
      // Another process was quicker.
      if (systemErrorCode(caught) !== "EEXIST") throw caught;
    }
  }
}

/** The root exists everywhere, so that looking upwards ends. */
async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (caught) {
    if (systemErrorCode(caught) === "ENOENT") return false;
    throw caught;
  }
}
