import { connect, type Socket } from "node:net";
import { GREETING } from "./kv.ts";
import { LineSplitter } from "./kv-store.ts";

export interface KvClient {
  /** One request line; resolves with the answer line. */
  send(line: string): Promise<string>;
  close(): void;
}

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

const WAITING_MAX = 256;
const SILENCE_MS_MAX = 5000;

/**
 * A client with one connection, opened when needed. Requests are pipelined: answers come in order. When the connection ends,
 * what waits is rejected, and the next request connects again.
 *
 *   closed --send--> greeting --"KV/1 ready"--> open --end, error, silence--> closed
 */
export function createKvClient(address: { host: string; port: number }): KvClient {
  let socket: Socket | undefined;
  let greeted = false;
  let waiting: Waiting[] = [];
  let unsent: string[] = [];

  const fail = (of: Socket, error: Error) => {
    if (socket !== of) return;
    socket = undefined;
    const rejected = waiting;
    waiting = [];
    unsent = [];
    of.destroy();
    for (const { reject } of rejected) reject(error);
  };

  const open = (): Socket => {
    const opened = connect(address);
    const lines = new LineSplitter();
    greeted = false;
    opened.setNoDelay(true);
    opened.setTimeout(SILENCE_MS_MAX, () => {
      if (waiting.length > 0) fail(opened, new Error(`kv was silent for ${SILENCE_MS_MAX} ms`));
    });
    opened.on("error", (cause) => fail(opened, new Error(`kv: ${cause.message}`, { cause })));
    opened.on("close", () => fail(opened, new Error("kv closed the connection")));
    opened.on("data", (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) {
          if (greeted) waiting.shift()?.resolve(line);
          else if (line === GREETING) {
            greeted = true;
            opened.write(unsent.join(""));
            unsent = [];
          } else throw new Error(`kv greets with "${line}"`);
        }
      } catch (caught) {
        fail(opened, caught as Error);
      }
    });
    return opened;
  };

  return {
    send: (line) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= WAITING_MAX)
          return reject(new Error(`${WAITING_MAX} requests wait for kv already`));
        socket ??= open();
        waiting.push({ resolve, reject });
        if (greeted) socket.write(`${line}\n`);
        else unsent.push(`${line}\n`);
      }),
    close: () => {
      if (socket) fail(socket, new Error("closed"));
    },
  };
}
