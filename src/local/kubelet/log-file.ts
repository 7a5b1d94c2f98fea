import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";
import { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";

/** A file is put aside at this size; two exist at most, so a container's run keeps between one and two of these. */
const FILE_BYTES_MAX = 10 * 1024 * 1024;
/** A longer line is cut into lines. */
const LINE_BYTES_MAX = 16 * 1024;

type StreamName = "stdout" | "stderr";

/**
 * Output of one run of a container, in a file of lines `<time> <stdout|stderr> <text>`, the time in RFC 3339 with nanoseconds.
 * Writing is synchronous: it goes to the page cache, and a reader that subscribes after reading the file misses nothing.
 */
export class LogFile {
  readonly path: string;
  readonly #clock: Clock;
  readonly #partial: Record<StreamName, string> = { stdout: "", stderr: "" };
  readonly #followers = new Set<{ onLine: (line: string) => void; onEnd: () => void }>();
  #fd: number | undefined;
  #bytes: number;

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.#clock = clock;
    this.#fd = openSync(path, "a");
    this.#bytes = statSync(path).size;
  }

  append(stream: StreamName, text: string): void {
    const lines = (this.#partial[stream] + text).split("\n");
    const rest = lines.pop()!;
    for (const line of lines) this.#write(stream, line);
    this.#partial[stream] = rest;
    while (this.#partial[stream].length > LINE_BYTES_MAX) {
      this.#write(stream, this.#partial[stream].slice(0, LINE_BYTES_MAX));
      this.#partial[stream] = this.#partial[stream].slice(LINE_BYTES_MAX);
    }
  }

  /** The run is over: unfinished lines are written, followers end. */
  end(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#partial[stream] !== "") this.#write(stream, this.#partial[stream]);
      this.#partial[stream] = "";
    }
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    for (const { onEnd } of [...this.#followers]) onEnd();
    this.#followers.clear();
  }

  /** Whether the run still writes. */
  get isOpen(): boolean {
    return this.#fd !== undefined;
  }

  /** Stored lines of this run, oldest first, in the file's format. */
  lines(): string[] {
    const parts: string[] = [];
    if (existsSync(`${this.path}.1`)) parts.push(readFileSync(`${this.path}.1`, "utf8"));
    if (existsSync(this.path)) parts.push(readFileSync(this.path, "utf8"));
    const lines = parts.join("").split("\n");
    lines.pop();
    return lines;
  }

  /** The last lines' text, at most so many bytes: for messages about a run that ended. */
  tail(linesMax: number, bytesMax: number): string {
    const text = this.lines().slice(-linesMax).map(textOf).join("\n");
    return text.length > bytesMax ? text.slice(-bytesMax) : text;
  }

  follow(onLine: (line: string) => void, onEnd: () => void): () => void {
    if (!this.isOpen) {
      onEnd();
      return () => {};
    }
    const follower = { onLine, onEnd };
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  #write(stream: StreamName, text: string): void {
    if (this.#fd === undefined) return;
    const stamp = new Date(this.#clock.now()).toISOString().replace("Z", "000000Z");
    const line = `${stamp} ${stream} ${text}`;
    this.#bytes += writeSync(this.#fd, `${line}\n`);
    if (this.#bytes > FILE_BYTES_MAX) this.#rotate();
    for (const { onLine } of this.#followers) onLine(line);
  }

  #rotate(): void {
    closeSync(this.#fd!);
    renameSync(this.path, `${this.path}.1`);
    this.#fd = openSync(this.path, "a");
    this.#bytes = 0;
  }
}

export interface ReadLogOptions {
  readonly follow: boolean;
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly timestamps: boolean;
  readonly signal: AbortSignal;
}

/** A run's output as a stream of bytes: what is stored, then, with `follow`, what comes until the run ends. */
export function readLog(log: LogFile, options: ReadLogOptions): Readable {
  const format = (line: string): string => {
    const text = textOf(line);
    return options.timestamps ? `${line.slice(0, line.indexOf(" "))} ${text}\n` : `${text}\n`;
  };
  let lines = log.lines();
  if (options.sinceMs !== undefined) {
    const sinceMs = options.sinceMs;
    lines = lines.filter((line) => Date.parse(line.slice(0, line.indexOf(" "))) >= sinceMs);
  }
  if (options.tailLines !== undefined) lines = options.tailLines > 0 ? lines.slice(-options.tailLines) : [];
  // A slow reader of a follow makes the stream's buffer grow up to one file; then lines are dropped, and counted.
  const output = new Readable({ read() {} });
  if (lines.length > 0) output.push(lines.map(format).join(""));
  if (!options.follow || options.signal.aborted) {
    output.push(null);
    return output;
  }
  let droppedCount = 0;
  let stop = (): void => {};
  const finish = (): void => {
    stop();
    output.push(null);
  };
  // May end at once, when the run is over already.
  stop = log.follow(
    (line) => {
      if (output.readableLength > FILE_BYTES_MAX) {
        droppedCount++;
        return;
      }
      if (droppedCount > 0) output.push(`(${droppedCount} lines were dropped: the reader is too slow)\n`);
      droppedCount = 0;
      output.push(format(line));
    },
    () => {
      options.signal.removeEventListener("abort", finish);
      output.push(null);
    },
  );
  options.signal.addEventListener("abort", finish, { once: true });
  output.once("close", () => {
    stop();
    options.signal.removeEventListener("abort", finish);
  });
  return output;
}

function textOf(line: string): string {
  return line.slice(line.indexOf(" ", line.indexOf(" ") + 1) + 1);
}
