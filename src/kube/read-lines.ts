import type { Readable } from "node:stream";

/** One object of a watch fits: etcd refuses more than 1.5 MB, and managedFields may double it. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The lines of a byte stream, in the batches in which they arrive. An unfinished last line is dropped: it was cut off.
 *
 * @throws RangeError when a line is longer than 16 MiB; whatever the stream throws
 */
export async function* readLines(stream: Readable): AsyncGenerator<string[], void, void> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      rest.push(chunk.subarray(start, end));
      const line = (rest.length === 1 ? rest[0]! : Buffer.concat(rest)).toString("utf8");
      if (line.trim() !== "") lines.push(line);
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
      if (restBytes > LINE_BYTES_MAX)
        throw new RangeError(`a line of the watch is longer than ${LINE_BYTES_MAX} bytes`);
    }
    if (lines.length > 0) yield lines;
  }
}
