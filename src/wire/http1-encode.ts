import type { Fields } from "./http1-fields.ts";
import type { RequestHead, ResponseHead } from "./http1-head.ts";

/** Framing of a message that we send. `keep`: what the head's own Content-Length says. */
export type SendFraming = "keep" | "chunked" | "until-close";

export interface EncodeOptions {
  readonly minor: number;
  readonly framing: SendFraming;
  /** Value of our own `connection` line; "" for none. */
  readonly connection: string;
  /** Keep the `upgrade` line: the message asks for, or grants, a tunnel. */
  readonly keepUpgrade: boolean;
}

/**
 * Writes a request head for the next hop. Hop-by-hop fields go; all others keep their spelling, order and value.
 *
 * @param target request target, which may differ from the one that arrived (absolute form)
 */
export function encodeRequestHead(head: RequestHead, target: string, options: EncodeOptions): string {
  return `${head.method} ${target} HTTP/1.${options.minor}\r\n${encodeFields(head.fields, options)}\r\n`;
}

export function encodeResponseHead(head: ResponseHead, options: EncodeOptions): string {
  return `HTTP/1.${options.minor} ${head.status} ${head.reason}\r\n${encodeFields(head.fields, options)}\r\n`;
}

/** Header of one chunk of `bytes` bytes; the chunk's bytes and CHUNK_TAIL follow. */
export function encodeChunkHead(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

export const CHUNK_TAIL = "\r\n";

/** The last chunk, with trailers when there are any. */
export function encodeLastChunk(trailers: Fields | undefined): string {
  if (!trailers || trailers.length === 0) return "0\r\n\r\n";
  let text = "0\r\n";
  for (let index = 0; index < trailers.length; index++) {
    text += `${trailers.names[index]}: ${trailers.values[index]}\r\n`;
  }
  return `${text}\r\n`;
}

function encodeFields(fields: Fields, options: EncodeOptions): string {
  const { names, keys, values } = fields;
  const named = connectionNames(fields);
  let text = "";
  for (let index = 0; index < names.length; index++) {
    const key = keys[index]!;
    if (isHopByHop(key, options) || named?.has(key)) continue;
    text += `${names[index]}: ${values[index]}\r\n`;
  }
  if (options.framing === "chunked") text += "transfer-encoding: chunked\r\n";
  if (options.connection !== "") text += `connection: ${options.connection}\r\n`;
  return text;
}

/** @see RFC 9110 section 7.6.1 */
function isHopByHop(key: string, options: EncodeOptions): boolean {
  switch (key.length) {
    case 7:
      return key === "upgrade" && !options.keepUpgrade;
    case 10:
      return key === "connection" || key === "keep-alive";
    case 14:
      return key === "content-length" && options.framing !== "keep";
    case 16:
      return key === "proxy-connection";
    case 17:
      return key === "transfer-encoding";
    default:
      return false;
  }
}

/** Names that may not be stripped by way of `Connection`: a client could otherwise make us drop what others rely on. */
const PROTECTED = new Set(["host", "content-length", "upgrade", "l5d-client-id"]);
const NO_NAMES = new Set(["close", "keep-alive", "upgrade"]);

/** Fields that `Connection` names as hop by hop; undefined in the usual case that there are none. */
function connectionNames(fields: Fields): Set<string> | undefined {
  let names: Set<string> | undefined;
  for (let index = 0; index < fields.keys.length; index++) {
    if (fields.keys[index] !== "connection") continue;
    const value = fields.values[index]!.toLowerCase();
    if (NO_NAMES.has(value)) continue;
    for (const part of value.split(",")) {
      const name = part.trim();
      if (name === "" || NO_NAMES.has(name) || PROTECTED.has(name)) continue;
      names ??= new Set();
      names.add(name);
    }
  }
  return names;
}
