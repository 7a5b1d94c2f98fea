import { Readable, Writable } from "node:stream";
import type { Console, InputStream, OutputStream } from "../../src/cli/console.ts";

export interface FakeConsoleOptions {
  /** What standard input holds; empty by default. */
  readonly stdin?: string | Buffer;
  readonly isTty?: boolean;
  readonly columns?: number;
  readonly hasColors?: boolean;
}

/** A console that remembers what was written to it. */
export interface FakeConsole extends Console {
  readonly stdoutText: string;
  readonly stderrText: string;
}

/** @example const fake = createFakeConsole({ stdin: "kind: Pod" }); await run(fake); assert.equal(fake.stdoutText, ...) */
export function createFakeConsole(options: FakeConsoleOptions = {}): FakeConsole {
  const stdout = createFakeOutput(options);
  const stderr = createFakeOutput(options);
  const input = Buffer.from(options.stdin ?? "");
  const stdin: InputStream = {
    isTty: false,
    readAll: async () => input,
    stream: Readable.from([input]) as unknown as NodeJS.ReadStream,
  };
  return {
    stdout,
    stderr,
    stdin,
    get stdoutText() {
      return stdout.text();
    },
    get stderrText() {
      return stderr.text();
    },
  };
}

function createFakeOutput(options: FakeConsoleOptions): OutputStream & { text(): string } {
  const parts: string[] = [];
  const columns = options.columns ?? 80;
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      parts.push(String(chunk));
      done();
    },
  });
  Object.assign(stream, { isTTY: options.isTty ?? false, columns, rows: 24 });
  return {
    write: (text) => void parts.push(text),
    isTty: options.isTty ?? false,
    columns,
    hasColors: options.hasColors ?? false,
    stream: stream as unknown as NodeJS.WriteStream,
    text: () => parts.join(""),
  };
}
