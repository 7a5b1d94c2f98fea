import { stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { systemErrorCode } from "../base/error.ts";

/**
 * Removes the file of a Unix socket that nobody listens on any more: a process that was killed leaves it, and the next could not
 * listen there. Whatever answers, and whatever is no socket, stays.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  // A plain file refuses connections too.
  if (!found?.isSocket() || (await tryConnect(path)) !== "ECONNREFUSED") return;
  await unlink(path).catch((error: unknown) => {
    // Another one was quicker; what else may be wrong, listening will say.
    if (systemErrorCode(error) !== "ENOENT") return;
  });
}

/** @returns the system's code of why it did not work, or undefined when somebody answered */
function tryConnect(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error) => resolve(systemErrorCode(error)));
  });
}
