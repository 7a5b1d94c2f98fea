/** What a connection's first bytes say about TLS. */
export type TlsHello =
  /** The ClientHello has not arrived whole: read on. */
  | { readonly kind: "incomplete" }
  /** Not a ClientHello with a usable server name. */
  | { readonly kind: "none" }
  | { readonly kind: "hello"; readonly serverName: string };

/** Bytes; a ClientHello beyond it counts as no TLS, which bounds what is held before anything is known of a client. */
export const TLS_HELLO_BYTES_MAX = 8192;

const INCOMPLETE: TlsHello = { kind: "incomplete" };
const NONE: TlsHello = { kind: "none" };

/** Type and length of a handshake message. */
const MESSAGE_HEAD_BYTES = 4;
const RECORD_HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const NAME_TYPE_HOST = 0;

/**
 * Reads the server name from a TLS ClientHello. The hello may span records, and a post-quantum key share makes it span
 * TCP segments as well, so callers collect bytes while the answer is `incomplete`.
 *
 *     record:  22 | 3 1..3 | length(2) | fragment          (one or more)
 *     message: 1 | length(3) | 3 3 | random(32) | session<1> | suites<2> | compressions<1> | extensions<2>
 *
 * @param bytes everything received so far, at most TLS_HELLO_BYTES_MAX
 * @see RFC 8446 sections 4.1.2 and 5.1; RFC 6066 section 3
 */
export function sniffTlsHello(bytes: Buffer): TlsHello {
  if (bytes.length > 0 && bytes[0] !== RECORD_HANDSHAKE) return NONE;
  if (bytes.length > 1 && bytes[1] !== 3) return NONE;
  if (bytes.length > 2 && (bytes[2]! < 1 || bytes[2]! > 3)) return NONE;
  const message = joinFragments(bytes);
  if (!message) return NONE;
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return NONE;
  if (message.length < 4) return unlessFull(bytes);
  const length = message.readUIntBE(1, 3);
  if (length > TLS_HELLO_BYTES_MAX) return NONE;
  if (message.length < 4 + length) return unlessFull(bytes);
  const name = readServerName(message.subarray(4, 4 + length));
  return name === undefined ? NONE : { kind: "hello", serverName: name };
}

function unlessFull(bytes: Buffer): TlsHello {
  return bytes.length >= TLS_HELLO_BYTES_MAX ? NONE : INCOMPLETE;
}

/**
 * The handshake bytes of the records so far, or undefined when a record is not one of a handshake. Records behind the hello are not
 * looked at: a client may go on at once, with a change of cipher spec and early data (RFC 8446 section 4.2.10).
 */
function joinFragments(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let joined = 0;
  let needed = MESSAGE_HEAD_BYTES;
  for (let at = 0; at + 5 <= bytes.length && joined < needed; ) {
    if (bytes[at] !== RECORD_HANDSHAKE || bytes[at + 1] !== 3) return undefined;
    const size = bytes.readUInt16BE(at + 3);
    if (size === 0 || size > 16_384) return undefined;
    const part = bytes.subarray(at + 5, Math.min(at + 5 + size, bytes.length));
    parts.push(part);
    joined += part.length;
    at += 5 + size;
    if (needed === MESSAGE_HEAD_BYTES && joined >= needed) needed += messageLength(parts);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** Length of a message whose four bytes of head may be spread over records. */
function messageLength(parts: readonly Buffer[]): number {
  const head = parts[0]!.length >= MESSAGE_HEAD_BYTES ? parts[0]! : Buffer.concat(parts);
  return head.readUIntBE(1, 3);
}

/** The first host name of the server_name extension, or undefined when there is none or anything is malformed. */
function readServerName(hello: Buffer): string | undefined {
  if (hello.length < 34 || hello[0] !== 3 || hello[1] !== 3) return undefined;
  let at = 34;
  const sessionBytes = hello[at];
  if (sessionBytes === undefined) return undefined;
  at += 1 + sessionBytes;
  if (at + 2 > hello.length) return undefined;
  at += 2 + hello.readUInt16BE(at);
  const compressionBytes = hello[at];
  if (compressionBytes === undefined) return undefined;
  at += 1 + compressionBytes;
  if (at + 2 > hello.length) return undefined;
  const end = at + 2 + hello.readUInt16BE(at);
  if (end > hello.length) return undefined;
  at += 2;
  while (at + 4 <= end) {
    const type = hello.readUInt16BE(at);
    const size = hello.readUInt16BE(at + 2);
    at += 4;
    if (at + size > end) return undefined;
    if (type === EXTENSION_SERVER_NAME) return readHostName(hello.subarray(at, at + size));
    at += size;
  }
  return undefined;
}

/** `list<2>` of `type(1) | name<2>` */
function readHostName(extension: Buffer): string | undefined {
  if (extension.length < 5 || extension.readUInt16BE(0) + 2 > extension.length) return undefined;
  if (extension[2] !== NAME_TYPE_HOST) return undefined;
  const size = extension.readUInt16BE(3);
  if (size === 0 || 5 + size > extension.length) return undefined;
  const name = extension.toString("latin1", 5, 5 + size);
  return isDnsName(name) ? name : undefined;
}

function isDnsName(name: string): boolean {
  return (
    name.length <= 255 &&
    /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/.test(name)
  );
}
