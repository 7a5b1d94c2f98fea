import { H2Error } from "./h2-error.ts";
import { H2Code } from "./h2-protocol.ts";
import { decodeHuffman } from "./hpack-huffman.ts";
import { STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from "./hpack-static-table.ts";
import { HPACK_ENTRY_OVERHEAD_BYTES, HPACK_TABLE_BYTES, HpackTable } from "./hpack-table.ts";

/** Header fields as they came, names and values in parallel. Reused from block to block: read it at once. */
export class HpackList {
  readonly names: string[] = [];
  readonly values: string[] = [];
  /** With 32 bytes a field, as SETTINGS_MAX_HEADER_LIST_SIZE counts. */
  bytes = 0;
  /** The list passed its limit: what followed was read, to keep the tables in step, and dropped. */
  isTooLarge = false;

  get length(): number {
    return this.names.length;
  }

  clear(): void {
    this.names.length = 0;
    this.values.length = 0;
    this.bytes = 0;
    this.isTooLarge = false;
  }
}

/** The largest integer that any field of a header block may hold: far above every limit, far below inexact numbers. */
const INTEGER_MAX = 2 ** 28;

/**
 * Reads header blocks of one connection.
 *
 * A short block of references may name a large entry many times: the list's limit is counted before a field is kept.
 *
 * @see RFC 7541
 */
export class HpackDecoder {
  readonly #table: HpackTable;
  readonly #tableBytesMax: number;
  readonly #listBytesMax: number;
  readonly list = new HpackList();
  #block: Buffer = NO_BYTES;
  #at = 0;
  #end = 0;

  constructor(listBytesMax: number, tableBytesMax: number = HPACK_TABLE_BYTES) {
    this.#listBytesMax = listBytesMax;
    this.#tableBytesMax = tableBytesMax;
    this.#table = new HpackTable(tableBytesMax);
  }

  /** Bytes in the dynamic table, for tests. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /** Reads one whole block, a part of `block`, into `list`. @throws H2Error COMPRESSION_ERROR; the connection is then lost */
  decode(block: Buffer, start = 0, end = block.length): HpackList {
    const { list } = this;
    list.clear();
    this.#block = block;
    this.#at = start;
    this.#end = end;
    let isStart = true;
    while (this.#at < end) {
      const first = block[this.#at]!;
      if (first >= 0x80) {
        this.#indexed(this.#integer(7));
      } else if (first >= 0x40) {
        this.#literal(6, true);
      } else if (first >= 0x20) {
        if (!isStart) throw compressionError("table size update after a field");
        this.#resize(this.#integer(5));
        continue;
      } else {
        this.#literal(4, false);
      }
      isStart = false;
    }
    this.#block = NO_BYTES;
    return list;
  }

  #indexed(index: number): void {
    if (index === 0) throw compressionError("index 0");
    if (index <= STATIC_COUNT) this.#add(STATIC_NAMES[index]!, STATIC_VALUES[index]!);
    else this.#add(this.#dynamicName(index), this.#table.valueAt(index - STATIC_COUNT - 1));
  }

  #literal(prefixBits: number, isIndexed: boolean): void {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#nameOf(index);
    const value = this.#string();
    if (isIndexed) this.#table.insert(name, value);
    this.#add(name, value);
  }

  #nameOf(index: number): string {
    return index <= STATIC_COUNT ? STATIC_NAMES[index]! : this.#dynamicName(index);
  }

  #dynamicName(index: number): string {
    const position = index - STATIC_COUNT - 1;
    if (position >= this.#table.count) throw compressionError(`index ${index} is beyond the table`);
    return this.#table.nameAt(position);
  }

  #resize(bytes: number): void {
    if (bytes > this.#tableBytesMax) throw compressionError(`table size ${bytes}`);
    this.#table.resize(bytes);
  }

  #add(name: string, value: string): void {
    const { list } = this;
    list.bytes += name.length + value.length + HPACK_ENTRY_OVERHEAD_BYTES;
    if (list.bytes > this.#listBytesMax) {
      list.isTooLarge = true;
      return;
    }
    list.names.push(name);
    list.values.push(value);
  }

  /** @see RFC 7541 section 5.1 */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#block[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.#at >= this.#end) throw compressionError("block is cut short");
      const byte = this.#block[this.#at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (value > INTEGER_MAX || shift > 28) throw compressionError("integer is too large");
      if (byte < 0x80) return value;
    }
  }

  /** @see RFC 7541 section 5.2 */
  #string(): string {
    const block = this.#block;
    if (this.#at >= this.#end) throw compressionError("block is cut short");
    const isHuffman = block[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw compressionError("block is cut short");
    this.#at = end;
    if (!isHuffman) return block.toString("latin1", start, end);
    const text = decodeHuffman(block, start, end);
    if (text === undefined) throw compressionError("malformed Huffman string");
    return text;
  }
}

function compressionError(message: string): H2Error {
  return new H2Error(H2Code.compressionError, `header block: ${message}`);
}

const NO_BYTES = Buffer.alloc(0);
