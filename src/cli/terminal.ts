import type { Console, InputStream, OutputStream } from "./console.ts";

/** What a terminal is made of: the process's own streams and environment. */
export interface TerminalStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The reader of stdout went away (`meshctl ... | head`): whatever runs may end, successfully. */
  readonly onClosedPipe: () => void;
  /** Stdout takes no more (disk full, device gone): whatever runs must end, and has failed. */
  readonly onLostOutput: (error: Error) => void;
}

/** The console over real streams. Standard input is touched only when someone reads it: an open stdin holds the process. */
export function createTerminal(streams: TerminalStreams): Console {
  const { env } = streams;
  const stdout = createOutput(streams.stdout, env, streams);
  // Whom could one tell?
  const stderr = createOutput(streams.stderr, env, { onClosedPipe: () => {}, onLostOutput: () => {} });
  return {
    stdout,
    stderr,
    get stdin() {
      return createInput(streams.stdin);
    },
  };
}

function createOutput(
  stream: NodeJS.WriteStream,
  env: Readonly<Record<string, string | undefined>>,
  on: Pick<TerminalStreams, "onClosedPipe" | "onLostOutput">,
): OutputStream {
  let closed = false;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    const first = !closed;
    closed = true;
    if (error.code === "EPIPE") on.onClosedPipe();
    else if (first) on.onLostOutput(error);
  });
  return {
    write(text) {
      if (!closed && text !== "") stream.write(text);
    },
    isTty: stream.isTTY === true,
    get columns() {
      return stream.columns || 80;
    },
    hasColors: hasColors(stream.isTTY === true, env),
    stream,
  };
}

/** `FORCE_COLOR` (0 or false: off) beats `NO_COLOR` (any text), which beats `TERM=dumb` and what the stream is. */
export function hasColors(isTty: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "") {
    return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  }
  if (env.NO_COLOR) return false;
  return isTty && env.TERM !== "dumb";
}

function createInput(stream: NodeJS.ReadStream): InputStream {
  return {
    isTty: stream.isTTY === true,
    stream,
    async readAll() {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
      return Buffer.concat(chunks);
    },
  };
}
