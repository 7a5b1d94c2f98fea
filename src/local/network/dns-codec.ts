/**
 * The part of DNS that a cluster's name server needs: questions in, answers out (RFC 1035; SRV RFC 2782). Names are lower
 * case without the final dot. Answers repeat the question's name by pointer; other names are written in full.
 *
 * ```
 *   header (12)  id | flags | questions | answers | authorities | additionals    16 bits each
 *   question     name | type | class
 *   record       name | type | class | ttl (32) | length | data
 * ```
 */
export const DNS_TYPE = { A: 1, NS: 2, SOA: 6, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const DNS_CODE = {
  ok: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const;

const CLASS_IN = 1;
const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const POINTER_TO_QUESTION = 0xc00c;
const HEADER_BYTES = 12;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
/** What a client without EDNS takes over UDP. */
export const UDP_BYTES_DEFAULT = 512;

export interface DnsQuestion {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly recursionDesired: boolean;
  /** What the client takes over UDP (EDNS), at least 512. */
  readonly udpBytesMax: number;
}

export type DnsRecord = { readonly name: string; readonly ttlSeconds: number } & (
  | { readonly type: "A"; readonly address: string }
  | {
      readonly type: "SRV";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | {
      readonly type: "SOA";
      readonly primary: string;
      readonly mailbox: string;
      readonly serial: number;
      /** Also the time that an absence may be remembered (RFC 2308). */
      readonly minimumSeconds: number;
    }
);

export interface DnsAnswer {
  readonly code: number;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** Reads a query with exactly one question; undefined when it is none (an answer to it would feed a loop or a flood). */
export function tryDecodeQuestion(message: Buffer): DnsQuestion | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const flags = message.readUInt16BE(2);
  if (flags & FLAG_RESPONSE || (flags & 0x7800) !== 0) return undefined;
  if (message.readUInt16BE(4) !== 1) return undefined;
  const name = tryReadName(message, HEADER_BYTES);
  if (!name || name.end + 4 > message.length) return undefined;
  return {
    id: message.readUInt16BE(0),
    name: name.text,
    type: message.readUInt16BE(name.end),
    class: message.readUInt16BE(name.end + 2),
    recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
    udpBytesMax: ednsBytes(message, name.end + 4),
  };
}

/** @returns the largest UDP answer that an OPT record allows, else 512 */
function ednsBytes(message: Buffer, offset: number): number {
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  let at = offset;
  for (let index = 0; index < records; index++) {
    const name = tryReadName(message, at);
    if (!name || name.end + 10 > message.length) break;
    if (message.readUInt16BE(name.end) === DNS_TYPE.OPT) {
      return Math.max(UDP_BYTES_DEFAULT, message.readUInt16BE(name.end + 2));
    }
    at = name.end + 10 + message.readUInt16BE(name.end + 8);
  }
  return UDP_BYTES_DEFAULT;
}

/** An uncompressed name; a pointer in a query is nothing that a resolver sends. */
function tryReadName(message: Buffer, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > LABEL_BYTES_MAX || at - start > NAME_BYTES_MAX) return undefined;
    at++;
    if (length === 0) return { text: labels.join(".").toLowerCase(), end: at };
    if (at + length > message.length) return undefined;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
}

/**
 * Writes the answer to a question.
 *
 * @param bytesMax above it the answer is empty and marked truncated, so that the client asks again over TCP
 */
export function encodeAnswer(question: DnsQuestion, answer: DnsAnswer, bytesMax: number): Buffer {
  const encodedQuestion = Buffer.concat([encodeName(question.name), uint16(question.type, question.class)]);
  const encode = (records: readonly DnsRecord[]): Buffer[] =>
    records.map((record) => encodeRecord(record, question.name));
  const flags =
    FLAG_RESPONSE |
    (answer.authoritative ? FLAG_AUTHORITATIVE : 0) |
    (question.recursionDesired ? FLAG_RECURSION_DESIRED : 0) |
    answer.code;
  const header = (extraFlags: number, counts: readonly [number, number, number]): Buffer =>
    uint16(question.id, flags | extraFlags, 1, ...counts);
  const { answers, authorities, additionals } = answer;
  const whole = Buffer.concat([
    header(0, [answers.length, authorities.length, additionals.length]),
    encodedQuestion,
    ...encode(answers),
    ...encode(authorities),
    ...encode(additionals),
  ]);
  if (whole.length <= bytesMax) return whole;
  const withoutAdditionals = Buffer.concat([
    header(0, [answers.length, authorities.length, 0]),
    encodedQuestion,
    ...encode(answers),
    ...encode(authorities),
  ]);
  if (withoutAdditionals.length <= bytesMax) return withoutAdditionals;
  return Buffer.concat([header(FLAG_TRUNCATED, [0, 0, 0]), encodedQuestion]);
}

function encodeRecord(record: DnsRecord, questionName: string): Buffer {
  const name = record.name === questionName ? uint16(POINTER_TO_QUESTION) : encodeName(record.name);
  const data = encodeData(record);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(DNS_TYPE[record.type], 0);
  fixed.writeUInt16BE(CLASS_IN, 2);
  fixed.writeUInt32BE(record.ttlSeconds, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([name, fixed, data]);
}

function encodeData(record: DnsRecord): Buffer {
  if (record.type === "A") return Buffer.from(record.address.split(".").map(Number));
  if (record.type === "SRV") {
    return Buffer.concat([uint16(record.priority, record.weight, record.port), encodeName(record.target)]);
  }
  const times = Buffer.alloc(20);
  // serial, refresh, retry, expire, minimum: nobody transfers this zone, so the middle ones are customary values.
  for (const [index, value] of [record.serial, 7200, 1800, 86_400, record.minimumSeconds].entries()) {
    times.writeUInt32BE(value >>> 0, index * 4);
  }
  return Buffer.concat([encodeName(record.primary), encodeName(record.mailbox), times]);
}

function encodeName(name: string): Buffer {
  const parts: Buffer[] = [];
  for (const label of name === "" ? [] : name.split(".")) {
    parts.push(Buffer.from([label.length]), Buffer.from(label, "latin1"));
  }
  parts.push(Buffer.from([0]));
  return Buffer.concat(parts);
}

function uint16(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) buffer.writeUInt16BE(value, index * 2);
  return buffer;
}
