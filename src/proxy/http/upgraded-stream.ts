import type { Duplex } from "node:stream";
import type { LiveTransport } from "../../observe/live-exchange.ts";

/** A socket that has left HTTP, with the bytes that were read beyond it. Its new owner closes it. */
export interface UpgradedStream {
  readonly socket: Duplex;
  readonly transport: LiveTransport;
  readonly rest: Buffer;
  /** To be called once, when the new owner is done: the old owner's books are closed then. */
  readonly released: (errno: string) => void;
}
