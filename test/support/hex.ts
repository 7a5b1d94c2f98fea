/** Bytes written as hex; blanks, line ends and `#` comments are ignored. Throws on an odd digit or anything else. */
export function hex(text: string): Buffer {
  const digits = text.replace(/#.*$/gm, "").replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) throw new Error(`not hex: ${text}`);
  return Buffer.from(digits, "hex");
}

/** Every way to cut bytes in two, the empty halves included: parsers must not care where a read ended. */
export function* splits(bytes: Buffer): Generator<readonly [Buffer, Buffer]> {
  for (let cut = 0; cut <= bytes.length; cut++) yield [bytes.subarray(0, cut), bytes.subarray(cut)];
}
