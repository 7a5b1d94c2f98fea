import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { type Found, lookAtFirstBytes } from "../../net/first-bytes.ts";
import type { ConnectionEvent } from "../../observe/live-exchange.ts";
import { DETECT_BYTES_MIN, detectHttp, type HttpDetection } from "../../wire/http-detect.ts";

/**
 * How long a client may be silent before its server is dialled as opaque, ms: a server that speaks first is heard then.
 * Whichever side detects waits. A client that speaks HTTP later, but before its server, is still recognised (forward-opaque.ts).
 */
export const SILENCE_MS = 100;

export type ConnectionDetection =
  | { readonly kind: HttpDetection | "silent" | "closed" }
  /** The client said `rest`, possibly nothing, and closed its half: no HTTP, but its server may have something to say. */
  | { readonly kind: "ended"; readonly rest: Buffer };

/**
 * Finds out what a connection carries. What it reads stays in the socket, unless the client `ended`.
 *
 * A request line may arrive in small pieces (a person typing, a very small segment): while there are fewer bytes than decide
 * and they look like text, more are waited for, within the same time.
 */
export async function detectConnection(socket: Duplex, clock: Clock): Promise<ConnectionDetection> {
  const first = await lookAtFirstBytes(socket, { silenceMs: SILENCE_MS, clock, look: lookForHttp });
  switch (first.kind) {
    case "found":
      return { kind: first.value };
    case "silent":
      return { kind: first.some ? "not-http" : "silent" };
    default:
      return first;
  }
}

/** What metrics call an outcome. A client that is silent may yet speak: its time is over. */
export function detectionWord(
  kind: string,
): Extract<ConnectionEvent, { readonly kind: "detected" }>["result"] {
  switch (kind) {
    case "http/1":
    case "http/2":
      return kind;
    case "silent":
      return "read_timeout";
    case "closed":
      return "error";
    default:
      return "not_http";
  }
}

function lookForHttp(bytes: Buffer): Found<HttpDetection> | undefined {
  if (bytes.length < DETECT_BYTES_MIN && looksLikeRequestLine(bytes)) return undefined;
  return { value: detectHttp(bytes), usedBytes: 0 };
}

function looksLikeRequestLine(bytes: Buffer): boolean {
  return /^[A-Z]{1,8}( [!-~]*)?$/.test(bytes.toString("latin1"));
}
