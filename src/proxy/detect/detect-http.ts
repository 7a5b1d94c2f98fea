import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { pushBack, readFirstBytes } from "../../net/first-bytes.ts";
import { DETECT_BYTES_MIN, detectHttp, type HttpDetection } from "../../wire/http-detect.ts";

/**
 * How long a client may be silent before its server is dialled as opaque, ms: a server that speaks first is heard then.
 * Whichever side detects waits. A client that speaks HTTP later, but before its server, is still recognised (forward-opaque.ts).
 */
export const SILENCE_MS = 100;

export type ConnectionDetection = HttpDetection | "silent" | "closed";

/**
 * Finds out what a connection carries, and pushes back what it read.
 *
 * A request line may arrive in small pieces (a person typing, a very small segment): while there are fewer bytes than decide
 * and they look like text, more are waited for, within the same time.
 */
export async function detectConnection(socket: Duplex, clock: Clock): Promise<ConnectionDetection> {
  const deadline = clock.monotonic() + SILENCE_MS;
  let bytes: Buffer = Buffer.alloc(0);
  let outcome: ConnectionDetection | undefined;
  while (outcome === undefined) {
    const read = await readFirstBytes(socket, Math.max(0, deadline - clock.monotonic()), clock);
    if (read.kind === "bytes") {
      bytes = bytes.length === 0 ? read.bytes : Buffer.concat([bytes, read.bytes]);
      if (bytes.length >= DETECT_BYTES_MIN || !looksLikeRequestLine(bytes)) outcome = detectHttp(bytes);
    } else if (bytes.length > 0) {
      outcome = "not-http";
    } else {
      outcome = read.kind;
    }
  }
  if (bytes.length > 0) pushBack(socket, { kind: "bytes", bytes });
  return outcome;
}

function looksLikeRequestLine(bytes: Buffer): boolean {
  return /^[A-Z]{1,8}( [!-~]*)?$/.test(bytes.toString("latin1"));
}
