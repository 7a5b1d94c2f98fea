import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { HOST } from "./harness.ts";

/** A client that sends literal bytes and waits for what must come, never for time to pass. */
export class RawClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #isClosed = false;
  readonly #changed = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#notify();
    });
    socket.on("end", () => {
      this.#isEnded = true;
      this.#notify();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#isClosed = true;
      this.#isEnded = true;
      this.#notify();
    });
  }

  get text(): string {
    return this.#received.toString("latin1");
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(text: string | Buffer): this {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
    return this;
  }

  end(): this {
    this.socket.end();
    return this;
  }

  /** Resolves with everything received so far once it contains `part`. Fails when the peer ends before. */
  async until(part: string): Promise<string> {
    while (!this.text.includes(part)) {
      if (this.#isEnded)
        throw new Error(`connection ended before ${JSON.stringify(part)}: ${JSON.stringify(this.text)}`);
      await this.#change();
    }
    return this.text;
  }

  /** Resolves with everything received once the peer has ended. */
  async untilEnd(): Promise<string> {
    while (!this.#isEnded) await this.#change();
    return this.text;
  }

  /** Forgets what was received. */
  clear(): void {
    this.#received = Buffer.alloc(0);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed.add(resolve));
  }

  #notify(): void {
    for (const resolve of this.#changed) resolve();
    this.#changed.clear();
  }
}

export function dialRaw(t: TestContext, port: number): RawClient {
  const client = new RawClient(connect({ port, host: HOST, allowHalfOpen: true, noDelay: true }));
  t.after(() => client.socket.destroy());
  return client;
}
