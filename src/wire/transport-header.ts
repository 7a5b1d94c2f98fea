import { MeshError } from "../base/error.ts";

/** What a client proxy tells a server proxy before the application's bytes, inside mesh TLS with ALPN `transport.l5d.io/v1`. */
export interface TransportHeader {
  /** 1 to 65535: the port that the connection is for. */
  readonly port: number;
  /** Present: the connection is for another workload, through a gateway. */
  readonly name: string | undefined;
  /** What follows; undefined: opaque bytes. */
  readonly session: "http/1" | "http/2" | undefined;
}

/** Bytes, the preface and length included. */
export const TRANSPORT_HEADER_BYTES_MAX = 65_536;

const PREFACE = Buffer.from("transport.l5d.io/v1\r\n\r\n", "latin1");
const PREFIX_BYTES = PREFACE.length + 4;

/**
 * Writes preface, length and header.
 *
 *     "transport.l5d.io/v1\r\n\r\n" | u32 big-endian length | Header { port=1 name=2 session_protocol=3 { http1=1 http2=2 } }
 *
 * @see linkerd2-proxy linkerd/transport-header; written by hand, since protobuf's runtime is not worth 12 bytes a connection
 */
export function encodeTransportHeader(header: TransportHeader): Buffer {
  const body: number[] = [];
  if (header.port !== 0) {
    body.push(0x08);
    pushVarint(body, header.port);
  }
  if (header.name !== undefined) {
    const name = Buffer.from(header.name, "utf8");
    body.push(0x12);
    pushVarint(body, name.length);
    body.push(...name);
  }
  if (header.session !== undefined) body.push(0x1a, 2, header.session === "http/1" ? 0x0a : 0x12, 0);
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + body.length);
  PREFACE.copy(bytes);
  bytes.writeUInt32BE(body.length, PREFACE.length);
  bytes.set(body, PREFIX_BYTES);
  return bytes;
}

/**
 * Reads a header from the first bytes of a connection.
 *
 * @returns undefined while bytes are missing; `bytes` says how many belonged to the header
 * @throws MeshError `TRANSPORT_HEADER_INVALID`
 */
export function decodeTransportHeader(
  input: Buffer,
): { readonly header: TransportHeader; readonly bytes: number } | undefined {
  const known = Math.min(input.length, PREFACE.length);
  if (input.compare(PREFACE, 0, known, 0, known) !== 0) throw invalid("does not start with its preface");
  if (input.length < PREFIX_BYTES) return undefined;
  const size = input.readUInt32BE(PREFACE.length);
  if (size > TRANSPORT_HEADER_BYTES_MAX - PREFIX_BYTES) throw invalid(`announces ${size} bytes`);
  if (input.length < PREFIX_BYTES + size) return undefined;
  return {
    header: decodeBody(input.subarray(PREFIX_BYTES, PREFIX_BYTES + size)),
    bytes: PREFIX_BYTES + size,
  };
}

function decodeBody(body: Buffer): TransportHeader {
  let port = 0;
  let name: string | undefined;
  let session: TransportHeader["session"];
  forEachField(body, (field, value) => {
    if (field === 1 && typeof value === "number") port = value;
    if (field === 2 && typeof value !== "number") name = value.toString("utf8");
    if (field === 3 && typeof value !== "number") {
      session = undefined;
      forEachField(value, (kind) => {
        if (kind === 1) session = "http/1";
        if (kind === 2) session = "http/2";
      });
    }
  });
  if (port < 1 || port > 65_535) throw invalid(`names port ${port}`);
  if (name === "") name = undefined;
  if (name !== undefined && !/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9_.])?$/.test(name)) {
    throw invalid("names a host that is no DNS name");
  }
  return { port, name, session };
}

/** Varints arrive as numbers, length-delimited fields as views, fixed-width ones are skipped. */
function forEachField(bytes: Buffer, visit: (field: number, value: number | Buffer) => void): void {
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const tag = readVarint(bytes, cursor);
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        visit(field, readVarint(bytes, cursor));
        break;
      case 1:
        cursor.at += 8;
        break;
      case 2: {
        const size = readVarint(bytes, cursor);
        if (cursor.at + size > bytes.length) throw invalid("is cut short");
        visit(field, bytes.subarray(cursor.at, cursor.at + size));
        cursor.at += size;
        break;
      }
      case 5:
        cursor.at += 4;
        break;
      default:
        throw invalid("is no protobuf message");
    }
  }
  if (cursor.at > bytes.length) throw invalid("is cut short");
}

function readVarint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  for (let shift = 0; shift < 10; shift++) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw invalid("is cut short");
    value += (byte & 0x7f) * 2 ** (7 * shift);
    if (byte < 0x80) return value;
  }
  throw invalid("is no protobuf message");
}

function pushVarint(bytes: number[], value: number): void {
  while (value > 0x7f) {
    bytes.push((value & 0x7f) | 0x80);
    value >>>= 7;
  }
  bytes.push(value);
}

function invalid(what: string): MeshError {
  return new MeshError({
    kind: "environment",
    code: "TRANSPORT_HEADER_INVALID",
    message: `transport header ${what}`,
    hint: "only proxies of this mesh may connect to the inbound proxy port",
  });
}
