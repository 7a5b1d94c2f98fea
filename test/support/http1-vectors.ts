/**
 * Requests that two readers may understand differently, and what our decoder says of each. The unit test of the decoder takes them
 * literally, cut at any byte; the conformance suite sends them to our proxy, nginx and HAProxy.
 */
export interface Http1Vector {
  readonly name: string;
  /** Up to the point where the decoder knows. */
  readonly input: string;
  /** What a complete request would go on with, for readers that are more patient. Default: the end of the head. */
  readonly rest?: string;
  /** Error of the decoder; undefined: it is taken. */
  readonly code?: string;
  /** Why we differ from nginx or HAProxy, where one of them does. */
  readonly reason?: string;
}

const GET = "GET / HTTP/1.1\r\nHost: x\r\n";
const POST = "POST / HTTP/1.1\r\nHost: x\r\n";
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const HEAD_END = "Host: x\r\n\r\n";

export const HTTP1_VECTORS: readonly Http1Vector[] = [
  // The request line.
  {
    name: "two spaces before the version",
    input: "GET /  HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_TARGET",
    reason: "RFC 9112 section 3 has single spaces; they join white space",
  },
  { name: "no target", input: "GET HTTP/1.1\r\n", rest: HEAD_END, code: "HTTP_BAD_START_LINE" },
  {
    name: "space before the method",
    input: " GET / HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_START_LINE",
  },
  {
    name: "method that is no token",
    input: "G(T / HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_START_LINE",
  },
  {
    name: "space after the version",
    input: "GET / HTTP/1.1 \r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_START_LINE",
    reason: "RFC 9112 section 3 ends the line with the version",
  },
  {
    name: "tab instead of a space",
    input: "GET\t/ HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_START_LINE",
    reason: "RFC 9112 section 3 has spaces; HAProxy takes other white space too",
  },
  {
    name: "version 2.0",
    input: "GET / HTTP/2.0\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_VERSION",
    reason: "HTTP/2 does not come this way; HAProxy writes another version",
  },
  {
    name: "version 1.2",
    input: "GET / HTTP/1.2\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_VERSION",
    reason: "there is no HTTP/1.2, and linkerd2-proxy refuses it too; they answer it as 1.1",
  },
  { name: "version in lower case", input: "GET / http/1.1\r\n", rest: HEAD_END, code: "HTTP_BAD_START_LINE" },
  {
    name: "HTTP/0.9",
    input: "GET /\r\n",
    rest: "\r\n",
    code: "HTTP_BAD_START_LINE",
    reason: "obsolete; nginx makes HTTP/1 of it",
  },
  { name: "relative target", input: "GET a/b HTTP/1.1\r\n", rest: HEAD_END, code: "HTTP_BAD_TARGET" },
  {
    name: "target of another scheme",
    input: "GET ftp://a/ HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_TARGET",
    reason: "the proxy serves http and https; nginx does not look at the scheme",
  },
  {
    name: "target with a user",
    input: "GET http://u@a/ HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_TARGET",
  },
  {
    name: "target without a host",
    input: "GET http:///x HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_TARGET",
    reason: "RFC 9110 section 4.2.1: to be refused; HAProxy passes it on",
  },
  {
    name: "* with GET",
    input: "GET * HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_TARGET",
    reason: "RFC 9112 section 3.2.4: with OPTIONS only; HAProxy passes it on",
  },
  {
    name: "fragment in the target",
    input: "GET /a#b HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_TARGET",
    reason:
      "RFC 9112 section 3.2 has none: rules for paths would not see what stands behind it; nginx passes it on",
  },
  { name: "NUL in the target", input: "GET /a\x00b HTTP/1.1\r\n", rest: HEAD_END, code: "HTTP_BAD_TARGET" },
  { name: "CONNECT with a path", input: "CONNECT / HTTP/1.1\r\n", rest: HEAD_END, code: "HTTP_BAD_TARGET" },
  {
    name: "CONNECT without a port",
    input: "CONNECT a HTTP/1.1\r\n",
    rest: HEAD_END,
    code: "HTTP_BAD_TARGET",
  },
  // Line ends.
  {
    name: "LF ends the request line",
    input: "GET / HTTP/1.1\n",
    rest: HEAD_END,
    code: "HTTP_BAD_LINE_END",
    reason:
      "RFC 9112 section 2.2 lets a reader take a bare LF for a line end; readers that differ in it are how requests get smuggled",
  },
  {
    name: "LF ends a field",
    input: "GET / HTTP/1.1\r\nHost: x\n\r\n",
    code: "HTTP_BAD_LINE_END",
    reason:
      "RFC 9112 section 2.2 lets a reader take a bare LF for a line end; readers that differ in it are how requests get smuggled",
  },
  {
    name: "LF ends the head",
    input: `${GET}\n`,
    rest: "",
    code: "HTTP_BAD_LINE_END",
    reason:
      "RFC 9112 section 2.2 lets a reader take a bare LF for a line end; readers that differ in it are how requests get smuggled",
  },
  { name: "two CR", input: "GET / HTTP/1.1\r\r\n", rest: HEAD_END, code: "HTTP_BAD_START_LINE" },
  {
    name: "CR within a value",
    input: "GET / HTTP/1.1\r\nHost: x\ry\r\n",
    rest: "\r\n",
    code: "HTTP_BAD_FIELD",
  },
  // Fields.
  {
    name: "space before the colon",
    input: "GET / HTTP/1.1\r\nHost : x\r\n",
    rest: "\r\n",
    code: "HTTP_BAD_FIELD",
  },
  {
    name: "space before the colon of Content-Length",
    input: `${POST}Content-Length : 5\r\n`,
    rest: "\r\nhello",
    code: "HTTP_BAD_FIELD",
  },
  {
    name: "space before the colon of Transfer-Encoding",
    input: `${POST}Transfer-Encoding : chunked\r\n`,
    rest: "\r\n0\r\n\r\n",
    code: "HTTP_BAD_FIELD",
  },
  {
    name: "first field is folded",
    input: "GET / HTTP/1.1\r\n Host: x\r\n",
    rest: "\r\n",
    code: "HTTP_BAD_FIELD",
  },
  {
    name: "folded field",
    input: `${GET}A: b\r\n c\r\n\r\n`,
    code: "HTTP_BAD_FIELD",
    reason: "RFC 9112 section 5.2: refuse or unfold; HAProxy unfolds",
  },
  {
    name: "field without a colon",
    input: `${GET}A\r\n\r\n`,
    code: "HTTP_BAD_FIELD",
    reason: "no field by RFC 9112 section 5; nginx drops the line",
  },
  { name: "field without a name", input: `${GET}: b\r\n\r\n`, code: "HTTP_BAD_FIELD" },
  {
    name: "NUL in a value",
    input: `${GET}A: b\x00\r\n\r\n`,
    code: "HTTP_BAD_FIELD",
    reason: "RFC 9110 section 5.5: to be refused; HAProxy passes it on",
  },
  {
    name: "control character in a value",
    input: `${GET}A: b\x01c\r\n\r\n`,
    code: "HTTP_BAD_FIELD",
    reason: "RFC 9110 section 5.5: to be refused; they pass it on",
  },
  {
    name: "name with a byte above 127",
    input: `${GET}A\xe9: b\r\n\r\n`,
    code: "HTTP_BAD_FIELD",
    reason: "no token by RFC 9110 section 5.1; nginx drops the field",
  },
  { name: "two Hosts", input: `${GET}Host: y\r\n\r\n`, code: "HTTP_BAD_FIELD" },
  {
    name: "the same Host twice",
    input: `${GET}Host: x\r\n\r\n`,
    code: "HTTP_BAD_FIELD",
    reason: "RFC 9112 section 3.2: more than one is to be refused; HAProxy joins equal ones",
  },
  {
    name: "Host with a space",
    input: "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    code: "HTTP_BAD_FIELD",
    reason: "RFC 9112 section 3.2: to be refused; HAProxy passes it on",
  },
  {
    name: "Host with a path",
    input: "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    code: "HTTP_BAD_FIELD",
    reason: "RFC 9112 section 3.2: to be refused; HAProxy passes it on",
  },
  {
    name: "Host with a user",
    input: "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
    code: "HTTP_BAD_FIELD",
    reason: "RFC 9112 section 3.2: to be refused, a host has no user; they pass it on",
  },
  { name: "no Host", input: "GET / HTTP/1.1\r\n\r\n", code: "HTTP_BAD_FIELD" },
  // Framing.
  {
    name: "two lengths",
    input: `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    rest: "ab",
    code: "HTTP_BAD_FRAMING",
  },
  {
    name: "the same length twice",
    input: `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`,
    rest: "a",
    code: "HTTP_BAD_FRAMING",
    reason: "RFC 9110 section 8.6: refuse or join; HAProxy joins",
  },
  {
    name: "list of equal lengths",
    input: `${POST}Content-Length: 1, 1\r\n\r\n`,
    rest: "a",
    code: "HTTP_BAD_FRAMING",
    reason: "RFC 9110 section 8.6: refuse or join; HAProxy joins",
  },
  {
    name: "length with a sign",
    input: `${POST}Content-Length: +1\r\n\r\n`,
    rest: "a",
    code: "HTTP_BAD_FRAMING",
  },
  {
    name: "hexadecimal length",
    input: `${POST}Content-Length: 0x1\r\n\r\n`,
    rest: "a",
    code: "HTTP_BAD_FRAMING",
  },
  { name: "negative length", input: `${POST}Content-Length: -1\r\n\r\n`, code: "HTTP_BAD_FRAMING" },
  { name: "empty length", input: `${POST}Content-Length:\r\n\r\n`, code: "HTTP_BAD_FRAMING" },
  {
    name: "length with a space inside",
    input: `${POST}Content-Length: 1 1\r\n\r\n`,
    rest: "a",
    code: "HTTP_BAD_FRAMING",
  },
  {
    name: "length beyond 2^63",
    input: `${POST}Content-Length: 99999999999999999999\r\n\r\n`,
    code: "HTTP_BAD_FRAMING",
  },
  {
    name: "length and chunks",
    input: `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_BAD_FRAMING",
    reason:
      "RFC 9112 section 6.1 lets a server refuse it; HAProxy drops the length and closes after the answer",
  },
  {
    name: "chunks and length",
    input: `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_BAD_FRAMING",
    reason:
      "RFC 9112 section 6.1 lets a server refuse it; HAProxy drops the length and closes after the answer",
  },
  {
    name: "chunked twice in two fields",
    input: `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_BAD_FRAMING",
  },
  {
    name: "chunked twice in one field",
    input: `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_UNKNOWN_CODING",
  },
  {
    name: "chunks in HTTP/1.0",
    input: "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    rest: "0\r\n\r\n",
    code: "HTTP_BAD_FRAMING",
    reason: "RFC 9112 section 6.1 calls its framing faulty; HAProxy reads it and closes after the answer",
  },
  {
    name: "gzip, chunked",
    input: `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_UNKNOWN_CODING",
  },
  {
    name: "chunked, identity",
    input: `${POST}Transfer-Encoding: chunked, identity\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_UNKNOWN_CODING",
  },
  {
    name: "identity",
    input: `${POST}Transfer-Encoding: identity\r\n\r\n`,
    rest: "",
    code: "HTTP_UNKNOWN_CODING",
  },
  {
    name: "xchunked",
    input: `${POST}Transfer-Encoding: xchunked\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_UNKNOWN_CODING",
  },
  {
    name: "chunked in quotes",
    input: `${POST}Transfer-Encoding: "chunked"\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_UNKNOWN_CODING",
  },
  {
    name: "chunked after a vertical tab",
    input: `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_BAD_FIELD",
  },
  {
    name: "empty Transfer-Encoding with a length",
    input: `${POST}Transfer-Encoding:\r\nContent-Length: 1\r\n\r\n`,
    rest: "a",
    code: "HTTP_BAD_FRAMING",
  },
  // Chunks.
  { name: "size that is no number", input: `${CHUNKED}G\r\n`, rest: "\r\n0\r\n\r\n", code: "HTTP_BAD_CHUNK" },
  { name: "empty size", input: `${CHUNKED}\r\n`, rest: "0\r\n\r\n", code: "HTTP_BAD_CHUNK" },
  {
    name: "space before the size",
    input: `${CHUNKED} 1\r\n`,
    rest: "a\r\n0\r\n\r\n",
    code: "HTTP_BAD_CHUNK",
  },
  { name: "size with 0x", input: `${CHUNKED}0x1\r\n`, rest: "a\r\n0\r\n\r\n", code: "HTTP_BAD_CHUNK" },
  { name: "negative size", input: `${CHUNKED}-1\r\n`, rest: "a\r\n0\r\n\r\n", code: "HTTP_BAD_CHUNK" },
  {
    name: "size beyond 2^64",
    input: `${CHUNKED}10000000000000001\r\n`,
    rest: "a\r\n0\r\n\r\n",
    code: "HTTP_BAD_CHUNK",
  },
  {
    name: "chunk longer than its size",
    input: `${CHUNKED}1\r\nabc\r\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_BAD_CHUNK",
  },
  {
    name: "LF ends a size",
    input: `${CHUNKED}1\na`,
    rest: "\r\n0\r\n\r\n",
    code: "HTTP_BAD_LINE_END",
    reason:
      "RFC 9112 section 2.2 lets a reader take a bare LF for a line end; readers that differ in it are how requests get smuggled",
  },
  {
    name: "LF ends a chunk",
    input: `${CHUNKED}1\r\na\n`,
    rest: "0\r\n\r\n",
    code: "HTTP_BAD_LINE_END",
    reason:
      "RFC 9112 section 2.2 lets a reader take a bare LF for a line end; readers that differ in it are how requests get smuggled",
  },
  {
    name: "LF ends the last chunk",
    input: `${CHUNKED}0\n`,
    rest: "\r\n",
    code: "HTTP_BAD_LINE_END",
    reason:
      "RFC 9112 section 2.2 lets a reader take a bare LF for a line end; readers that differ in it are how requests get smuggled",
  },
  {
    name: "LF within an extension",
    input: `${CHUNKED}1;a\nb\r\n`,
    rest: "a\r\n0\r\n\r\n",
    code: "HTTP_BAD_LINE_END",
  },
  {
    name: "space before the colon of a trailer",
    input: `${CHUNKED}0\r\nA : b\r\n\r\n`,
    code: "HTTP_BAD_FIELD",
    reason: "RFC 9112 section 5.1, as in a head; nginx drops trailers unread",
  },
  // What looks odd and is well-formed.
  { name: "empty line before the request", input: `\r\n${GET}\r\n` },
  { name: "method of an extension", input: "PURGE / HTTP/1.1\r\nHost: x\r\n\r\n" },
  {
    name: "method in lower case",
    input: "get / HTTP/1.1\r\nHost: x\r\n\r\n",
    reason: "methods are case-sensitive tokens (RFC 9110 section 9.1), and this is one",
  },
  { name: "absolute target", input: "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n" },
  { name: "HTTP/1.0 without Host", input: "GET / HTTP/1.0\r\n\r\n" },
  { name: "empty value", input: `${GET}A:\r\n\r\n` },
  { name: "value with bytes above 127", input: `${GET}A: \xe9\r\n\r\n` },
  { name: "tab around a value", input: `${GET}A:\t b \t\r\n\r\n` },
  { name: "name with all the characters of a token", input: `${GET}a!#$%&'*+-.^_\`|~1: b\r\n\r\n` },
  {
    name: "percent signs that encode nothing",
    input: "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    reason: "the target is the application's to decode; nginx decodes it to find its location",
  },
  {
    name: "target with raw UTF-8",
    input: "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    reason: "no URI, but clients send it and servers read it; it passes as it is",
  },
  { name: "double slash", input: "GET //a//b HTTP/1.1\r\nHost: x\r\n\r\n" },
  { name: "Host with a port", input: "GET / HTTP/1.1\r\nHost: x:80\r\n\r\n" },
  {
    name: "empty Host",
    input: "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    reason: "RFC 9112 section 3.2: valid where the target has no authority",
  },
  { name: "GET with a body", input: `${GET}Content-Length: 1\r\n\r\na` },
  { name: "length with leading zeros", input: `${POST}Content-Length: 0005\r\n\r\nhello` },
  { name: "Chunked in capitals", input: `${POST}Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n` },
  { name: "chunk with an extension", input: `${CHUNKED}1;a="b"\r\na\r\n0\r\n\r\n` },
  { name: "size with leading zeros", input: `${CHUNKED}0001\r\na\r\n0\r\n\r\n` },
  { name: "trailer", input: `${CHUNKED}1\r\na\r\n0\r\nA: b\r\n\r\n` },
  {
    name: "Connection names Content-Length",
    input: `${POST}Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello`,
  },
  { name: "Connection names Host", input: `${GET}Connection: Host\r\n\r\n` },
];
