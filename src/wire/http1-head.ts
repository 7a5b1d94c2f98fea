import { http1Error, quoted } from "./http1-error.ts";
import { Fields } from "./http1-fields.ts";

/** How a message says where its body ends (RFC 9112 section 6.3). */
export type BodyKind = "none" | "length" | "chunked" | "until-close" | "tunnel";

export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

export class RequestHead {
  method = "";
  /** As received. */
  target = "";
  form: TargetForm = "origin";
  /** 0 or 1: HTTP/1.0 or HTTP/1.1. */
  minor = 1;
  readonly fields = new Fields();
  body: BodyKind = "none";
  /** Bytes; meaningful with body `length`. */
  contentLength = 0;
  /** Whether the client wants the connection to go on after this exchange. */
  keepAlive = true;
  /** Value of `Upgrade` when `Connection` lists it; "" otherwise. */
  upgrade = "";
  expectsContinue = false;
  /** It came as HTTP/2, and no HTTP/1 request is inside: `minor` is what an HTTP/1 server would be told. */
  isHttp2 = false;
  /** As HTTP/2 says it; HTTP/1 does not. */
  scheme = "http";
}

export class ResponseHead {
  status = 0;
  reason = "";
  minor = 1;
  readonly fields = new Fields();
  body: BodyKind = "none";
  contentLength = 0;
  keepAlive = true;
  upgrade = "";
}

/** `METHOD SP target SP HTTP/1.x` @see RFC 9112 section 3 */
export function parseRequestLine(line: string, head: RequestHead): void {
  const first = line.indexOf(" ");
  const last = line.lastIndexOf(" ");
  if (first <= 0 || last === first || !isToken(line, 0, first)) {
    throw http1Error("HTTP_BAD_START_LINE", `request line ${quoted(line)} is malformed`);
  }
  head.method = line.slice(0, first);
  head.minor = parseVersion(line.slice(last + 1));
  head.target = line.slice(first + 1, last);
  head.form = parseTarget(head.method, head.target);
}

/** `HTTP/1.x SP status SP [reason]` @see RFC 9112 section 4 */
export function parseStatusLine(line: string, head: ResponseHead): void {
  head.minor = parseVersion(line.slice(0, 8));
  const status = line.slice(9, 12);
  // Some servers leave out the space that ends an empty reason.
  if (line[8] !== " " || !/^[1-9]\d\d$/.test(status) || (line.length > 12 && line[12] !== " ")) {
    throw http1Error("HTTP_BAD_START_LINE", `status line ${quoted(line)} is malformed`);
  }
  if (!isFieldText(line, 12, line.length)) {
    throw http1Error("HTTP_BAD_START_LINE", "status line holds a control character");
  }
  head.status = Number(status);
  head.reason = line.slice(13);
}

/** `name: value`, optional white space around the value. @see RFC 9112 section 5 */
export function parseFieldLine(line: string, fields: Fields): void {
  const colon = line.indexOf(":");
  if (colon <= 0 || !isToken(line, 0, colon)) {
    throw http1Error("HTTP_BAD_FIELD", `header line ${quoted(line)} has no proper name`);
  }
  let start = colon + 1;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  if (!isFieldText(line, start, end)) {
    throw http1Error("HTTP_BAD_FIELD", `header ${line.slice(0, colon)} holds a control character`);
  }
  fields.append(line.slice(0, colon), line.slice(start, end));
}

/** Derives framing and connection use from a complete request head. */
export function finishRequestHead(head: RequestHead): void {
  const { fields } = head;
  const host = fields.get("host");
  const count = host === undefined ? 0 : fields.count("host");
  if (count > 1 || (count === 0 && head.minor === 1)) {
    throw http1Error("HTTP_BAD_FIELD", `request has ${count} Host headers instead of one`);
  }
  if (host !== undefined && !isHostValue(host)) {
    throw http1Error("HTTP_BAD_FIELD", `Host ${quoted(host)} is not a host with optional port`);
  }
  readConnection(head, fields.all("connection"));
  readFraming(head);
  // A request without framing has no body: only responses may last until close.
  if (head.body === "until-close") head.body = "none";
  const expect = fields.get("expect");
  head.expectsContinue = head.minor === 1 && expect !== undefined && expect.toLowerCase() === "100-continue";
}

/** Derives framing and connection use from a complete response head. */
export function finishResponseHead(head: ResponseHead, requestMethod: string): void {
  readConnection(head, head.fields.all("connection"));
  const { status } = head;
  if (status === 101) {
    head.body = "tunnel";
    return;
  }
  if (requestMethod === "CONNECT" && status >= 200 && status < 300) {
    head.body = "tunnel";
    return;
  }
  // Checked even where no body follows: a head that two readers frame differently is refused, not guessed at.
  readFraming(head);
  if (requestMethod === "HEAD" || status < 200 || status === 204 || status === 304) {
    head.body = "none";
  }
  if (head.body === "until-close") head.keepAlive = false;
}

/** Whether a comma-separated list holds a token, regardless of case. */
export function listHas(values: readonly string[], token: string): boolean {
  for (const value of values) {
    // Nearly every list has one entry.
    if (value.length === token.length) {
      if (value.toLowerCase() === token) return true;
    } else if (value.includes(",")) {
      for (const part of value.split(",")) if (part.trim().toLowerCase() === token) return true;
    }
  }
  return false;
}

function readConnection(head: RequestHead | ResponseHead, values: readonly string[]): void {
  head.keepAlive = head.minor === 1 ? !listHas(values, "close") : listHas(values, "keep-alive");
  head.upgrade = "";
  if (head.minor === 1 && listHas(values, "upgrade")) head.upgrade = head.fields.get("upgrade") ?? "";
}

/** @see RFC 9112 sections 6.1 to 6.3. Everything that two implementations could read differently is an error. */
function readFraming(head: RequestHead | ResponseHead): void {
  const { fields } = head;
  const coding = fields.get("transfer-encoding");
  const length = fields.get("content-length");
  if (coding !== undefined) {
    if (length !== undefined) {
      throw http1Error("HTTP_BAD_FRAMING", "message has both Transfer-Encoding and Content-Length");
    }
    if (head.minor === 0) throw http1Error("HTTP_BAD_FRAMING", "HTTP/1.0 message has Transfer-Encoding");
    if (fields.count("transfer-encoding") > 1) {
      throw http1Error("HTTP_BAD_FRAMING", "message repeats Transfer-Encoding");
    }
    if (coding.toLowerCase() !== "chunked") {
      throw http1Error("HTTP_UNKNOWN_CODING", `transfer coding ${quoted(coding)} is not supported`);
    }
    head.body = "chunked";
    return;
  }
  if (length === undefined) {
    head.body = "until-close";
    return;
  }
  head.contentLength = fields.count("content-length") > 1 ? -1 : parseLength(length);
  if (head.contentLength < 0) {
    const given = fields.all("content-length").join(", ");
    throw http1Error("HTTP_BAD_FRAMING", `Content-Length ${quoted(given)} is not one number`);
  }
  head.body = head.contentLength === 0 ? "none" : "length";
}

function parseVersion(text: string): number {
  if (text === "HTTP/1.1") return 1;
  if (text === "HTTP/1.0") return 0;
  if (/^HTTP\/\d\.\d$/.test(text)) {
    throw http1Error("HTTP_BAD_VERSION", `protocol version ${text} is not supported`);
  }
  throw http1Error("HTTP_BAD_START_LINE", `${quoted(text)} is not an HTTP version`);
}

function parseTarget(method: string, target: string): TargetForm {
  if (!isTargetText(target)) {
    throw http1Error("HTTP_BAD_TARGET", `request target ${quoted(target)} holds a forbidden character`);
  }
  if (method === "CONNECT") {
    if (/^(\[[0-9a-fA-F:.]+\]|[^:/?@[\]]+):\d{1,5}$/.test(target)) return "authority";
  } else if (target.charCodeAt(0) === 0x2f) {
    return "origin";
  } else if (target === "*") {
    if (method === "OPTIONS") return "asterisk";
  } else if (/^https?:\/\/[^/?@]+([/?]|$)/i.test(target)) {
    return "absolute";
  }
  throw http1Error("HTTP_BAD_TARGET", `request target ${quoted(target)} does not fit method ${method}`);
}

/** Bytes from 0x80 are tolerated: clients send raw UTF-8 paths, and they pass unchanged. */
export function isTargetText(target: string): boolean {
  for (let index = 0; index < target.length; index++) {
    const code = target.charCodeAt(index);
    if (code <= 0x20 || code === 0x7f || code === 0x23) return false;
  }
  return true;
}

export function isHostValue(value: string): boolean {
  let index = 0;
  if (value.charCodeAt(0) === 0x5b) return /^\[[0-9a-fA-F:.]+\](:\d{0,5})?$/.test(value);
  while (index < value.length && isRegName(value.charCodeAt(index))) index++;
  if (index === value.length) return true;
  if (value.charCodeAt(index) !== 0x3a || value.length - index > 6) return false;
  for (index++; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

function isRegName(code: number): boolean {
  return code < 128 && REG_NAME[code] === 1;
}

/** A number of at most 15 digits, so that it is exact; -1 for anything else. */
export function parseLength(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  let value = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Field values: no control characters but HTAB (RFC 9110 section 5.5). */
export function isFieldText(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return false;
  }
  return true;
}

export function isToken(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code >= 128 || TOKEN[code] === 0) return false;
  }
  return true;
}

/** 1 for the characters of RFC 9110 `token`. */
const TOKEN = new Uint8Array(128);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[character.charCodeAt(0)] = 1;
}

/** 1 for the characters of RFC 3986 `reg-name` and IPv4 addresses. */
const REG_NAME = new Uint8Array(128);
for (const character of "!$&'()*+,;=%._~-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  REG_NAME[character.charCodeAt(0)] = 1;
}
