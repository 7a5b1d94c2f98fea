/** Longest request line, in bytes without its end. */
export const LINE_BYTES_MAX = 1024;
const KEYS_MAX = 10_000;

/** The store behind the line protocol: `GET key`, `SET key value`, `INCR key`, `QUIT`. Answers are one line. */
export class KvStore {
  readonly #values = new Map<string, string>();

  /** The answer to one request line. Undefined: the client said goodbye. */
  answer(line: string): string | undefined {
    const [verb = "", key = "", ...rest] = line.split(" ");
    switch (verb.toUpperCase()) {
      case "GET": {
        const value = this.#values.get(key);
        return value === undefined ? "NONE" : `VALUE ${value}`;
      }
      case "SET":
        return this.#set(key, rest.join(" ")) ? "OK" : "ERROR the store is full";
      case "INCR": {
        const current = Number(this.#values.get(key) ?? "0");
        if (!Number.isSafeInteger(current)) return `ERROR ${key} is no number`;
        return this.#set(key, String(current + 1)) ? `VALUE ${current + 1}` : "ERROR the store is full";
      }
      case "QUIT":
        return undefined;
      default:
        return "ERROR the requests are GET, SET, INCR and QUIT";
    }
  }

  #set(key: string, value: string): boolean {
    if (!this.#values.has(key) && this.#values.size >= KEYS_MAX) return false;
    this.#values.set(key, value);
    return true;
  }
}

/** Cuts a stream into lines, whatever its chunks. Ends are LF or CRLF. */
export class LineSplitter {
  #rest = "";

  /** Whole lines so far. @throws RangeError when a line exceeds `LINE_BYTES_MAX` */
  push(chunk: Buffer): string[] {
    const parts = (this.#rest + chunk.toString("latin1")).split("\n");
    this.#rest = parts.pop()!;
    if (this.#rest.length > LINE_BYTES_MAX || parts.some((part) => part.length > LINE_BYTES_MAX)) {
      throw new RangeError(`a line is longer than ${LINE_BYTES_MAX} bytes`);
    }
    return parts.map((line) => line.replace(/\r$/, ""));
  }
}
