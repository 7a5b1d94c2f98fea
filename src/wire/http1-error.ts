import { MeshError } from "../base/error.ts";

/** What can be wrong with HTTP/1 bytes. One code each, since a rescue layer decides on codes, never on text. */
export type Http1ErrorCode =
  | "HTTP_BAD_START_LINE"
  | "HTTP_BAD_TARGET"
  | "HTTP_BAD_VERSION"
  | "HTTP_BAD_FIELD"
  | "HTTP_BAD_LINE_END"
  | "HTTP_BAD_FRAMING"
  | "HTTP_BAD_CHUNK"
  | "HTTP_UNKNOWN_CODING"
  | "HTTP_HEAD_TOO_LARGE"
  | "HTTP_TRUNCATED";

const HINTS: Readonly<Record<Http1ErrorCode, string>> = {
  HTTP_BAD_START_LINE: "send `METHOD target HTTP/1.1` with single spaces (RFC 9112 section 3)",
  HTTP_BAD_TARGET: "use a path, an absolute http URL, `*` with OPTIONS, or host:port with CONNECT",
  HTTP_BAD_VERSION: "speak HTTP/1.1 or HTTP/1.0",
  HTTP_BAD_FIELD: "send `name: value` without a space before the colon and without folding",
  HTTP_BAD_LINE_END: "end every line with CR LF",
  HTTP_BAD_FRAMING: "send one Content-Length or `Transfer-Encoding: chunked`, never both",
  HTTP_BAD_CHUNK: "send chunk sizes in hexadecimal, each chunk followed by CR LF",
  HTTP_UNKNOWN_CODING: "use no transfer coding but chunked",
  HTTP_HEAD_TOO_LARGE: "send fewer or shorter header fields",
  HTTP_TRUNCATED: "the peer closed the connection within a message",
};

/** The peer's bytes are not HTTP/1 as RFC 9112 has it. */
export function http1Error(code: Http1ErrorCode, message: string): MeshError {
  return new MeshError({ kind: "environment", code, message, hint: HINTS[code] });
}

/** At most 40 characters of a peer's text, quoted, so that a message stays one readable line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}
