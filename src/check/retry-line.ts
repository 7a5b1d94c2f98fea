/** What showing that something is waited for needs of a stream. */
interface StatusStream {
  write(text: string): void;
  readonly isTty: boolean;
  readonly columns: number;
}

/**
 * Says on stderr what a check waits for: on a terminal one line that goes away, elsewhere (CI) a line each time the
 * reason changes, so that waiting never looks like hanging.
 */
export class RetryLine {
  readonly #stream: StatusStream;
  #shown = "";

  constructor(stream: StatusStream) {
    this.#stream = stream;
  }

  show(label: string, error: string): void {
    const text = `waiting: ${label}: ${error.split("\n")[0]}`;
    if (text === this.#shown) return;
    if (this.#stream.isTty) this.#stream.write(`\r\u001b[K${text.slice(0, this.#stream.columns - 1)}`);
    else this.#stream.write(`${text}\n`);
    this.#shown = text;
  }

  clear(): void {
    if (this.#shown !== "" && this.#stream.isTty) this.#stream.write("\r\u001b[K");
    this.#shown = "";
  }
}
