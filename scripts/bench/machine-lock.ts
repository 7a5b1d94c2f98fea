import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A lock of the whole machine: a name in the abstract socket namespace, which the kernel frees when the process ends, however it ends.
 *
 * @param onWait called once when another process holds it
 * @returns lets go
 */
export async function acquireLock(name: string, onWait: () => void): Promise<() => void> {
  for (let tries = 0; ; tries++) {
    const server = createServer();
    const isOurs = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(`\0${name}`, () => resolve(true));
    });
    if (isOurs) {
      server.unref();
      return () => void server.close();
    }
    if (tries === 0) onWait();
    await sleep(500);
  }
}
