import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below the ports that systems give to outgoing connections (32768 and up on Linux), above well-known ones. */
const FIRST = 20_000;
const LAST = 32_000;

/**
 * A port that was free a moment ago, for programs that must be told theirs.
 *
 * Port 0 would answer with one that any outgoing connection of any process may take before the program binds it: on a busy machine
 * that happens. From this range only listeners take ports, and at random hardly ever the same one.
 */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(FIRST, LAST);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error(`no free port on ${host} from ${FIRST} to ${LAST} in 100 tries`);
}
