import type { Fields } from "../../wire/http1-fields.ts";
import type { BodySink } from "./body-sink.ts";

/** A body for its server, and for others that take copies of what passes. Only the server slows the source down. */
export class BodyTee implements BodySink {
  readonly #server: BodySink;
  readonly #others: readonly BodySink[];

  constructor(server: BodySink, others: readonly BodySink[]) {
    this.#server = server;
    this.#others = others;
  }

  data(view: Buffer): boolean {
    for (const other of this.#others) other.data(view);
    return this.#server.data(view);
  }

  end(trailers: Fields | undefined): void {
    for (const other of this.#others) other.end(trailers);
    this.#server.end(trailers);
  }

  abort(): void {
    for (const other of this.#others) other.abort();
    this.#server.abort();
  }
}
