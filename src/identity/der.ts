/**
 * A writer for the few DER shapes of a certificate request. Lengths are definite and shortest, as DER demands.
 *
 *   +-----+------------------+-----------+
 *   | tag | length           | content   |     length < 128: one byte
 *   +-----+------------------+-----------+     else: 0x80 | n, then n bytes, big-endian
 *
 * @see ITU-T X.690 sections 8 and 10
 */
export function derTlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), derLength(content.length), content]);
}

export const derSequence = (...parts: readonly Uint8Array[]): Buffer => derTlv(0x30, ...parts);
export const derSet = (...parts: readonly Uint8Array[]): Buffer => derTlv(0x31, ...parts);
export const derOctetString = (content: Uint8Array): Buffer => derTlv(0x04, content);
export const derUtf8String = (text: string): Buffer => derTlv(0x0c, Buffer.from(text, "utf8"));
/** Whole bytes: the count of unused bits is 0. */
export const derBitString = (content: Uint8Array): Buffer => derTlv(0x03, Buffer.from([0]), content);
/** `[tag]`, constructed: EXPLICIT, or IMPLICIT over a SET or SEQUENCE. */
export const derContext = (tag: number, ...parts: readonly Uint8Array[]): Buffer =>
  derTlv(0xa0 | tag, ...parts);
/** `[tag]` IMPLICIT over a primitive type. */
export const derContextPrimitive = (tag: number, content: Uint8Array): Buffer => derTlv(0x80 | tag, content);

/** A non-negative integer below 2^31. */
export function derInteger(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.unshift(rest & 0xff);
    rest >>>= 8;
  } while (rest > 0);
  // A leading 1 bit would make it negative.
  if (bytes[0]! & 0x80) bytes.unshift(0);
  return derTlv(0x02, Buffer.from(bytes));
}

/** `1.2.840.10045.2.1`; the first two arcs share a byte, the others are base 128 with a continuation bit. */
export function derOid(dotted: string): Buffer {
  const [first, second, ...arcs] = dotted.split(".").map(Number) as [number, number, ...number[]];
  const bytes = base128(first * 40 + second);
  for (const arc of arcs) bytes.push(...base128(arc));
  return derTlv(0x06, Buffer.from(bytes));
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift((rest & 0x7f) | 0x80);
  }
  return bytes;
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}
