/**
 * Lengths in bits of the codes for the bytes 0 to 255 and for the end of string. The code is canonical: shorter codes
 * first, among equal lengths by symbol, so that the lengths say everything.
 *
 * @see RFC 7541 appendix B
 */
// biome-ignore format: a table
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const END_OF_STRING = 256;
const CODE_BITS_MAX = 30;

/**
 * The decoder is a machine that takes four bits a step. A state is an inner node of the code's tree.
 *
 *     entry:  | next state, 8 bits | flags, 8 bits | symbol, 8 bits |
 *
 * No code is shorter than five bits, so a step completes at most one symbol.
 */
const EMITS = 0x100;
const FAILS = 0x200;
/** The bits since the last symbol are at most seven ones: what padding looks like. */
const MAY_END = 0x400;

interface Tables {
  readonly codes: Uint32Array;
  readonly steps: Uint32Array;
}

let tables: Tables | undefined;

/** Built when first needed (about a millisecond): most processes never see a Huffman-coded string. */
function huffmanTables(): Tables {
  tables ??= buildTables();
  return tables;
}

function buildTables(): Tables {
  const codes = canonicalCodes();
  // Children of inner nodes: [zero, one] per node; a leaf is -1 - symbol.
  const children: number[] = [0, 0];
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
    let node = 0;
    for (let bit = LENGTHS[symbol]! - 1; bit >= 0; bit--) {
      const at = node * 2 + ((codes[symbol]! >>> bit) & 1);
      if (bit === 0) {
        children[at] = -1 - symbol;
      } else {
        if (children[at] === 0) {
          children[at] = children.length / 2;
          children.push(0, 0);
        }
        node = children[at]!;
      }
    }
  }
  return { codes, steps: buildSteps(children) };
}

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(END_OF_STRING + 1);
  let code = 0;
  for (let length = 1; length <= CODE_BITS_MAX; length++) {
    for (let symbol = 0; symbol <= END_OF_STRING; symbol++)
      if (LENGTHS[symbol] === length) codes[symbol] = code++;
    code *= 2;
  }
  return codes;
}

function buildSteps(children: readonly number[]): Uint32Array {
  const states = children.length / 2;
  const paddings = new Set<number>();
  for (let node = 0, ones = 0; ones < 8; ones++) {
    paddings.add(node);
    node = children[node * 2 + 1]!;
  }
  const steps = new Uint32Array(states * 16);
  for (let state = 0; state < states; state++) {
    for (let nibble = 0; nibble < 16; nibble++)
      steps[state * 16 + nibble] = stepOf(children, paddings, state, nibble);
  }
  return steps;
}

function stepOf(
  children: readonly number[],
  paddings: ReadonlySet<number>,
  state: number,
  nibble: number,
): number {
  let node = state;
  let entry = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[node * 2 + ((nibble >>> bit) & 1)]!;
    if (child >= 0) {
      node = child;
    } else {
      const symbol = -1 - child;
      // An end of string within a string is an error (RFC 7541 section 5.2).
      if (symbol === END_OF_STRING) return FAILS;
      entry = EMITS | symbol;
      node = 0;
    }
  }
  return entry | (paddings.has(node) ? MAY_END : 0) | (node << 16);
}

/** @returns the text, latin1, or undefined when the bytes are no Huffman string */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  const { steps } = huffmanTables();
  // No code is shorter than five bits.
  const text = Buffer.allocUnsafe(Math.floor(((end - start) * 8) / 5) + 1);
  let length = 0;
  let entry = MAY_END;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    entry = steps[((entry >>> 16) << 4) | (byte >>> 4)]!;
    if (entry & EMITS) text[length++] = entry & 0xff;
    if (entry & FAILS) return undefined;
    entry = steps[((entry >>> 16) << 4) | (byte & 0xf)]!;
    if (entry & EMITS) text[length++] = entry & 0xff;
    if (entry & FAILS) return undefined;
  }
  return entry & MAY_END ? text.toString("latin1", 0, length) : undefined;
}

/** Bytes that a text takes when coded. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += LENGTHS[text.charCodeAt(index) & 0xff]!;
  return (bits + 7) >>> 3;
}

/** Writes a latin1 text. @returns the position after it */
export function encodeHuffman(text: string, into: Buffer, at: number): number {
  const { codes } = huffmanTables();
  // Up to seven bits wait between symbols; with a code of up to 30 they pass 32 bits, so long codes go in two parts.
  let waiting = 0;
  let waitingBits = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index) & 0xff;
    let bits = LENGTHS[symbol]!;
    const code = codes[symbol]!;
    if (bits > 16) {
      bits -= 16;
      waiting = (waiting << bits) | (code >>> 16);
      for (waitingBits += bits; waitingBits >= 8; ) into[at++] = waiting >>> (waitingBits -= 8);
      waiting &= 0xff;
      bits = 16;
    }
    waiting = (waiting << bits) | (code & ((1 << bits) - 1));
    for (waitingBits += bits; waitingBits >= 8; ) into[at++] = waiting >>> (waitingBits -= 8);
    waiting &= 0xff;
  }
  // Padding is the beginning of the end of string: ones.
  if (waitingBits > 0) into[at++] = (waiting << (8 - waitingBits)) | (0xff >>> waitingBits);
  return at;
}
