import { Code, ConnectError } from "@connectrpc/connect";

/** Undelivered updates of one stream, after which it is ended: its client is too slow, and asks again for the whole state. */
export const QUEUE_UPDATES_MAX = 100;

/** Updates on their way to one stream: a listener puts them in, the stream takes them out. */
export class UpdateQueue<T> {
  readonly #items: T[] = [];
  readonly #what: string;
  readonly #capacity: number;
  #wake: (() => void) | undefined;
  #ended: { readonly error: ConnectError | undefined } | undefined;

  /** @param what  the stream, for the message: `endpoints of web.demo:80` */
  constructor(what: string, capacity: number = QUEUE_UPDATES_MAX) {
    this.#what = what;
    this.#capacity = capacity;
  }

  push(item: T): void {
    if (this.#ended) return;
    if (this.#items.length >= this.#capacity) {
      this.#items.length = 0;
      this.end(
        new ConnectError(`${this.#capacity} updates of ${this.#what} were not taken in time`, Code.Aborted),
      );
      return;
    }
    this.#items.push(item);
    this.#wake?.();
  }

  /** Nothing more comes; with an error the stream ends with it, after what is queued. */
  end(error?: ConnectError): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  /** Everything in order, until `end` or the signal; a signal whose reason is a ConnectError ends the stream with it. */
  async *drain(signal: AbortSignal): AsyncGenerator<T, void, void> {
    const onAbort = (): void => this.end();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const item = this.#items.shift();
        if (item !== undefined) {
          yield item;
          continue;
        }
        if (this.#ended?.error) throw this.#ended.error;
        if (this.#ended) break;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
      // A server that stops says so: its clients then go elsewhere at once. A client that left hears nothing anyway.
      if (signal.reason instanceof ConnectError) throw signal.reason;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
