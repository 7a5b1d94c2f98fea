import type { HpackList } from "./hpack-decoder.ts";
import type { HpackEncoder } from "./hpack-encoder.ts";
import { reasonPhrase } from "./http-reasons.ts";
import { Fields } from "./http1-fields.ts";
import {
  isFieldText,
  isHostValue,
  isTargetText,
  isToken,
  parseLength,
  RequestHead,
  ResponseHead,
} from "./http1-head.ts";

/**
 * Makes a request head of a header list. `:authority` becomes the field `host`, as routes and HTTP/1 servers expect it.
 *
 * @param endStream no body follows
 * @returns a short text when the list is malformed: the stream is then reset (RFC 9113 section 8.1.1)
 */
export function readRequestHead(list: HpackList, endStream: boolean): RequestHead | string {
  const head = new RequestHead();
  head.isHttp2 = true;
  const { names, values } = list;
  let method: string | undefined;
  let scheme: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let index = 0;
  for (; index < names.length && names[index]!.charCodeAt(0) === COLON; index++) {
    const name = names[index]!;
    const value = values[index]!;
    if (name === ":method" && method === undefined) method = value;
    else if (name === ":path" && path === undefined) path = value;
    else if (name === ":scheme" && scheme === undefined) scheme = value;
    else if (name === ":authority" && authority === undefined) authority = value;
    else return `pseudo-header ${name.slice(0, 20)} is unknown or repeated`;
  }
  if (method === undefined || !isToken(method, 0, method.length) || method === "")
    return ":method is missing or malformed";
  if (authority !== undefined) {
    if (!isHostValue(authority)) return ":authority is malformed";
    head.fields.append("host", authority);
  }
  const problem = readFields(list, index, head.fields) ?? mergeHost(head.fields, authority);
  if (problem !== undefined) return problem;
  head.method = method;
  if (method === "CONNECT") {
    // RFC 9113 section 8.5.
    if (scheme !== undefined || path !== undefined || !authority)
      return "CONNECT with :scheme or :path, or without :authority";
    head.target = authority;
    head.form = "authority";
  } else {
    if (scheme === undefined || (scheme !== "http" && !/^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme)))
      return ":scheme is missing or malformed";
    if (!path || !isTargetText(path)) return ":path is missing or malformed";
    const isAsterisk = path === "*" && method === "OPTIONS";
    if (path.charCodeAt(0) !== SLASH && !isAsterisk) return ":path does not begin with a slash";
    head.scheme = scheme;
    head.target = path;
    head.form = isAsterisk ? "asterisk" : "origin";
  }
  joinCookies(head.fields);
  return readLength(head, endStream) ?? finishRequest(head);
}

/** As `readRequestHead`; the phrase is the usual one, since HTTP/2 carries none. @param isBodiless of an answer to HEAD */
export function readResponseHead(
  list: HpackList,
  endStream: boolean,
  isBodiless: boolean,
): ResponseHead | string {
  const { names, values } = list;
  const status = names[0] === ":status" ? parseLength(values[0]!) : -1;
  if (status < 100 || status > 999 || values[0]!.length !== 3) return ":status is missing or malformed";
  const head = new ResponseHead();
  head.status = status;
  head.reason = reasonPhrase(head.status);
  // Whoever wants to switch protocols says so in another way (RFC 9113 section 8.6).
  if (head.status === 101) return "status 101";
  const problem = readFields(list, 1, head.fields);
  if (problem !== undefined) return problem;
  if (head.status < 200) return endStream ? "interim response that ends the stream" : head;
  return readLength(head, endStream, isBodiless || head.status === 304 || head.status === 204) ?? head;
}

/** @returns a text when they are malformed */
export function readTrailers(list: HpackList): Fields | string {
  const fields = new Fields();
  return readFields(list, 0, fields) ?? fields;
}

/** Writes a request into the encoder. `host` becomes `:authority`; what concerns one HTTP/1 connection only stays behind. */
export function writeRequestHead(encoder: HpackEncoder, head: RequestHead, target: string): void {
  encoder.begin();
  encoder.field(":method", head.method);
  const host = head.fields.get("host");
  if (head.form === "authority") {
    encoder.field(":authority", target);
  } else {
    encoder.field(":scheme", head.scheme);
    if (host !== undefined && host !== "") encoder.field(":authority", host);
    encoder.field(":path", target);
  }
  writeFields(encoder, head.fields, true);
}

export function writeResponseHead(encoder: HpackEncoder, head: ResponseHead): void {
  encoder.begin();
  encoder.field(":status", head.status === 200 ? "200" : String(head.status));
  writeFields(encoder, head.fields, false);
}

export function writeTrailers(encoder: HpackEncoder, fields: Fields): void {
  encoder.begin();
  writeFields(encoder, fields, false);
}

const COLON = 0x3a;
const SLASH = 0x2f;

/** Fields that HTTP/2 does not have, since they are about an HTTP/1 connection. RFC 9113 section 8.2.2. */
function isConnectionField(name: string): boolean {
  switch (name.length) {
    case 7:
      return name === "upgrade";
    case 10:
      return name === "connection" || name === "keep-alive";
    case 16:
      return name === "proxy-connection";
    case 17:
      return name === "transfer-encoding";
    default:
      return false;
  }
}

function readFields({ names, values }: HpackList, start: number, fields: Fields): string | undefined {
  for (let index = start; index < names.length; index++) {
    const name = names[index]!;
    const value = values[index]!;
    if (!isLowerToken(name)) return `field name ${JSON.stringify(name.slice(0, 20))} is malformed`;
    if (!isFieldValue(value)) return `value of ${name.slice(0, 40)} is malformed`;
    if (isConnectionField(name)) return `field ${name} belongs to HTTP/1`;
    if (name === "te" && value !== "trailers") return "field te is not `trailers`";
    fields.names.push(name);
    fields.keys.push(name);
    fields.values.push(value);
  }
  return undefined;
}

function isLowerToken(name: string): boolean {
  if (name === "") return false;
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    // Lower case letters and the hyphen are nearly all there is.
    if (code >= 0x61 && code <= 0x7a) continue;
    if (code === 0x2d) continue;
    if ((code >= 0x41 && code <= 0x5a) || !isToken(name, index, index + 1)) return false;
  }
  return true;
}

/** No control characters, no white space at either end. */
function isFieldValue(value: string): boolean {
  if (value === "") return true;
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  return (
    first !== 0x20 && first !== 0x09 && last !== 0x20 && last !== 0x09 && isFieldText(value, 0, value.length)
  );
}

/** A client that names two hosts could be read as meaning either: refused. */
function mergeHost(fields: Fields, authority: string | undefined): string | undefined {
  const count = fields.count("host");
  if (count === 0 || (count === 1 && authority !== undefined)) return undefined;
  const hosts = fields.all("host");
  if (hosts.length > 2 || (hosts.length === 2 && hosts[0] !== hosts[1])) return "host and :authority differ";
  if (!isHostValue(hosts[0]!)) return "host is malformed";
  if (hosts.length === 2) fields.set("host", hosts[0]!);
  return undefined;
}

/** HTTP/2 may cut cookies into fields for better compression; HTTP/1 has one. RFC 9113 section 8.2.3. */
function joinCookies(fields: Fields): void {
  if (fields.count("cookie") > 1) fields.set("cookie", fields.all("cookie").join("; "));
}

function readLength(
  head: RequestHead | ResponseHead,
  endStream: boolean,
  isBodiless = false,
): string | undefined {
  const { fields } = head;
  const text = fields.get("content-length");
  const length = text === undefined ? -1 : parseLength(text);
  if (text !== undefined) {
    if (length < 0) return "content-length is not one number";
    if (fields.count("content-length") > 1) {
      if (fields.all("content-length").some((each) => each !== text))
        return "content-length is not one number";
      fields.set("content-length", text);
    }
  }
  if (endStream) {
    if (length > 0 && !isBodiless) return `content-length ${length} without a body`;
    head.body = "none";
  } else if (length >= 0 && !isBodiless) {
    head.contentLength = length;
    head.body = "length";
  } else {
    head.body = "chunked";
  }
  return undefined;
}

function finishRequest(head: RequestHead): RequestHead {
  head.expectsContinue = head.fields.get("expect")?.toLowerCase() === "100-continue";
  return head;
}

function writeFields(encoder: HpackEncoder, fields: Fields, isRequest: boolean): void {
  const { keys, values } = fields;
  const named = namedByConnection(fields);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    if (isConnectionField(key) || named?.has(key)) continue;
    if (isRequest && key === "host") continue;
    if (key === "te") {
      if (/\btrailers\b/i.test(values[index]!)) encoder.field("te", "trailers");
      continue;
    }
    encoder.field(key, values[index]!);
  }
}

const UNNAMEABLE: ReadonlySet<string> = new Set(["content-length", "host", "l5d-client-id", "te"]);

/** Fields that `Connection` declares hop by hop; undefined in the usual case that there are none. */
function namedByConnection(fields: Fields): Set<string> | undefined {
  if (!fields.has("connection")) return undefined;
  let names: Set<string> | undefined;
  for (const value of fields.all("connection")) {
    for (const part of value.split(",")) {
      const name = part.trim().toLowerCase();
      if (name !== "" && name !== "close" && name !== "keep-alive" && !UNNAMEABLE.has(name))
        (names ??= new Set()).add(name);
    }
  }
  return names;
}
