import { encodeHuffman, huffmanBytes } from "./hpack-huffman.ts";
import { STATIC_BY_NAME, STATIC_COUNT } from "./hpack-static-table.ts";
import { HPACK_TABLE_BYTES, HpackTable } from "./hpack-table.ts";

/** Entries of the dynamic table with one name. */
interface KnownName {
  /** Serial of the newest. */
  newest: number;
  readonly values: Map<string, number>;
}

/** Fields whose values hardly ever repeat: in the table they would push out those that do. */
const UNREPEATED: ReadonlySet<string> = new Set([
  ":path",
  "age",
  "content-length",
  "content-range",
  "etag",
  "if-modified-since",
  "if-none-match",
  "last-modified",
  "location",
  "traceparent",
  "x-b3-spanid",
  "x-b3-traceid",
  "x-request-id",
]);

/** Never indexed, by us or by anybody after us: compression would let an attacker guess them. RFC 7541 section 7.1.3. */
const SECRET: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization", "set-cookie"]);

/** A value that fills a quarter of the table would be bought too dearly. */
const INDEXED_SHARE = 4;

/**
 * Writes header blocks of one connection.
 *
 *     begin; field ...; then the block is the first `length` of `bytes`, until the next begin
 *
 * Strings go as they are unless `huffman` is asked for: between processes of a cluster the processor is dearer than bytes.
 *
 * @see RFC 7541
 */
export class HpackEncoder {
  readonly #table: HpackTable;
  readonly #known = new Map<string, KnownName>();
  readonly #huffman: boolean;
  #block: Buffer = NO_BYTES;
  #at = 0;
  /** Sizes to announce in the next block: the smallest since the last one, and the present one. */
  #smallestBytes = -1;

  constructor(options: { readonly huffman?: boolean } = {}) {
    this.#huffman = options.huffman ?? false;
    this.#table = new HpackTable(HPACK_TABLE_BYTES, (name, value, serial) =>
      this.#forget(name, value, serial),
    );
  }

  get tableBytes(): number {
    return this.#table.bytes;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. More than the default is not used. */
  limitTable(bytesMax: number): void {
    const bytes = Math.min(bytesMax, HPACK_TABLE_BYTES);
    if (bytes === this.#table.bytesMax) return;
    this.#smallestBytes = this.#smallestBytes < 0 ? bytes : Math.min(this.#smallestBytes, bytes);
    this.#table.resize(bytes);
  }

  begin(): void {
    this.#at = 0;
    if (this.#smallestBytes < 0) return;
    this.#reserve(16);
    if (this.#smallestBytes < this.#table.bytesMax) this.#integer(0x20, 5, this.#smallestBytes);
    this.#integer(0x20, 5, this.#table.bytesMax);
    this.#smallestBytes = -1;
  }

  /** Holds the block: its first `length` bytes. */
  get bytes(): Buffer {
    return this.#block;
  }

  get length(): number {
    return this.#at;
  }

  /** @param name in lower case, latin1 like the value */
  field(name: string, value: string): void {
    this.#reserve(name.length + value.length + 24);
    const fixed = STATIC_BY_NAME.get(name);
    const exact = fixed?.values.get(value);
    if (exact !== undefined) {
      this.#integer(0x80, 7, exact);
      return;
    }
    const known = this.#known.get(name);
    const serial = known?.values.get(value);
    if (serial !== undefined) {
      this.#integer(0x80, 7, this.#indexOf(serial));
      return;
    }
    const nameIndex = fixed ? fixed.index : known ? this.#indexOf(known.newest) : 0;
    if (SECRET.has(name)) {
      this.#literal(0x10, 4, nameIndex, name, value);
    } else if (UNREPEATED.has(name) || (name.length + value.length) * INDEXED_SHARE > this.#table.bytesMax) {
      this.#literal(0x00, 4, nameIndex, name, value);
    } else {
      this.#literal(0x40, 6, nameIndex, name, value);
      this.#remember(name, value);
    }
  }

  #literal(pattern: number, prefixBits: number, nameIndex: number, name: string, value: string): void {
    this.#integer(pattern, prefixBits, nameIndex);
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
  }

  #indexOf(serial: number): number {
    return STATIC_COUNT + this.#table.inserted - serial;
  }

  #remember(name: string, value: string): void {
    const serial = this.#table.inserted;
    this.#table.insert(name, value);
    if (this.#table.inserted === serial) return;
    const known = this.#known.get(name);
    if (known) {
      known.newest = serial;
      known.values.set(value, serial);
    } else {
      this.#known.set(name, { newest: serial, values: new Map([[value, serial]]) });
    }
  }

  #forget(name: string, value: string, serial: number): void {
    const known = this.#known.get(name);
    if (!known) return;
    if (known.values.get(value) === serial) known.values.delete(value);
    if (known.newest === serial) this.#known.delete(name);
  }

  #integer(pattern: number, prefixBits: number, value: number): void {
    const mask = (1 << prefixBits) - 1;
    if (value < mask) {
      this.#block[this.#at++] = pattern | value;
      return;
    }
    this.#block[this.#at++] = pattern | mask;
    let rest = value - mask;
    for (; rest > 0x7f; rest >>>= 7) this.#block[this.#at++] = (rest & 0x7f) | 0x80;
    this.#block[this.#at++] = rest;
  }

  #string(text: string): void {
    if (this.#huffman) {
      const bytes = huffmanBytes(text);
      if (bytes < text.length) {
        this.#integer(0x80, 7, bytes);
        this.#at = encodeHuffman(text, this.#block, this.#at);
        return;
      }
    }
    this.#integer(0x00, 7, text.length);
    if (text.length > LOOPED_CHARS_MAX) {
      this.#at += this.#block.write(text, this.#at, "latin1");
      return;
    }
    const block = this.#block;
    let at = this.#at;
    for (let index = 0; index < text.length; index++) block[at++] = text.charCodeAt(index);
    this.#at = at;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#block.length) return;
    const larger = Buffer.allocUnsafe(Math.max(512, this.#block.length * 2, this.#at + bytes));
    this.#block.copy(larger, 0, 0, this.#at);
    this.#block = larger;
  }
}

/** Texts up to here are copied by a loop: the call into the runtime costs more. */
const LOOPED_CHARS_MAX = 40;
const NO_BYTES = Buffer.alloc(0);
