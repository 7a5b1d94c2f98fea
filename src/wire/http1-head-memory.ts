import { http1Error } from "./http1-error.ts";
import type { Fields } from "./http1-fields.ts";
import {
  parseFieldLine,
  parseRequestLine,
  parseStatusLine,
  RequestHead,
  type ResponseHead,
  type TargetForm,
} from "./http1-head.ts";

/** Heads up to this size are read as one piece of text, bytes. Longer ones are read line by line. */
const WHOLE_BYTES_MAX = 4096;
/** Lines of longer texts are not remembered: each connection would keep such a text, bytes. */
const REMEMBERED_BYTES_MAX = 2048;
const CR = 0x0d;

interface KnownLine {
  /** With its CR LF. */
  readonly text: string;
  readonly name: string;
  readonly key: string;
  readonly value: string;
}

/** A request line or a status line. */
interface KnownStart {
  readonly text: string;
  readonly minor: number;
  readonly method: string;
  readonly target: string;
  readonly form: TargetForm;
  readonly status: number;
  readonly reason: string;
}

/**
 * Reads heads that lie whole in one chunk, and remembers the lines of the last one: messages of one peer resemble each other, and a
 * line that is the same in the same place needs neither checks nor new strings. Those who come after compare strings, and the
 * same string is quickly found to be the same.
 */
export class HeadMemory {
  #start: KnownStart | undefined;
  readonly #lines: KnownLine[] = [];
  /** Where the head that was read ends in its chunk. */
  end = 0;

  /**
   * @param fieldsMax as Http1Limits
   * @param bytesMax  as Http1Limits' headBytesMax
   * @returns false when the head does not end within the chunk, or is long: read it line by line, into another head
   * @throws MeshError `HTTP_*` as reading line by line does
   */
  read(
    chunk: Buffer,
    at: number,
    head: RequestHead | ResponseHead,
    fieldsMax: number,
    bytesMax: number,
  ): boolean {
    const text = chunk.toString("latin1", at, Math.min(chunk.length, at + WHOLE_BYTES_MAX, at + bytesMax));
    const keeps = text.length <= REMEMBERED_BYTES_MAX;
    let position = this.#readStart(text, head, keeps);
    if (position < 0) return false;
    const { fields } = head;
    for (let index = 0; ; index++) {
      const known = this.#lines[index];
      if (known !== undefined && text.startsWith(known.text, position)) {
        refuseMore(fields, fieldsMax);
        fields.names.push(known.name);
        fields.keys.push(known.key);
        fields.values.push(known.value);
        position += known.text.length;
        continue;
      }
      const lineFeed = text.indexOf("\n", position);
      if (lineFeed < 0) return false;
      if (lineFeed === position || text.charCodeAt(lineFeed - 1) !== CR) throw badLineEnd();
      if (lineFeed === position + 1) {
        this.end = at + lineFeed + 1;
        return true;
      }
      refuseMore(fields, fieldsMax);
      parseFieldLine(text.slice(position, lineFeed - 1), fields);
      if (keeps) this.#lines[index] = knownLine(text.slice(position, lineFeed + 1), fields);
      position = lineFeed + 1;
    }
  }

  /** @returns where the fields begin; negative: the line does not end here */
  #readStart(text: string, head: RequestHead | ResponseHead, keeps: boolean): number {
    const known = this.#start;
    if (known !== undefined && text.startsWith(known.text)) {
      copyStart(known, head);
      return known.text.length;
    }
    let position = 0;
    const isRequest = head instanceof RequestHead;
    // RFC 9112 section 2.2: an empty line before a request is ignored.
    while (isRequest && text.startsWith("\r\n", position)) position += 2;
    const lineFeed = text.indexOf("\n", position);
    if (lineFeed < 0) return -1;
    if (lineFeed === position || text.charCodeAt(lineFeed - 1) !== CR) throw badLineEnd();
    const line = text.slice(position, lineFeed - 1);
    if (isRequest) parseRequestLine(line, head);
    else parseStatusLine(line, head);
    if (keeps && position === 0) this.#start = knownStart(text.slice(0, lineFeed + 1), head);
    return lineFeed + 1;
  }
}

function knownStart(text: string, head: RequestHead | ResponseHead): KnownStart {
  const { minor } = head;
  if (head instanceof RequestHead) {
    return { text, minor, method: head.method, target: head.target, form: head.form, status: 0, reason: "" };
  }
  return { text, minor, method: "", target: "", form: "origin", status: head.status, reason: head.reason };
}

function copyStart(known: KnownStart, head: RequestHead | ResponseHead): void {
  head.minor = known.minor;
  if (head instanceof RequestHead) {
    head.method = known.method;
    head.target = known.target;
    head.form = known.form;
  } else {
    head.status = known.status;
    head.reason = known.reason;
  }
}

/** The line that was just added to the fields. */
function knownLine(text: string, { names, keys, values }: Fields): KnownLine {
  const last = names.length - 1;
  return { text, name: names[last]!, key: keys[last]!, value: values[last]! };
}

function refuseMore(fields: Fields, fieldsMax: number): void {
  if (fields.length >= fieldsMax)
    throw http1Error("HTTP_HEAD_TOO_LARGE", `more than ${fieldsMax} header fields`);
}

function badLineEnd(): Error {
  return http1Error("HTTP_BAD_LINE_END", "line ends with LF alone");
}
