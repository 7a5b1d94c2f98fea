/** What an entry costs beyond its text, bytes. @see RFC 7541 section 4.1 */
export const HPACK_ENTRY_OVERHEAD_BYTES = 32;
/** Size of the table that both sides begin with, bytes. */
export const HPACK_TABLE_BYTES = 4096;

/**
 * The dynamic table of one direction: a ring, newest entry first.
 *
 *     slot   0   1   2   3   4   5   6   7
 *                    [ oldest ... newest ]       position 0 is the newest
 *                                        ^ inserted & mask
 */
export class HpackTable {
  /** Entries ever inserted. */
  inserted = 0;
  count = 0;
  bytes = 0;
  bytesMax: number;
  readonly #onEvict: ((name: string, value: string, serial: number) => void) | undefined;
  #names: string[] = [];
  #values: string[] = [];
  #mask = -1;

  /** @param onEvict told of each entry that leaves, with the number under which it was inserted */
  constructor(bytesMax: number, onEvict?: (name: string, value: string, serial: number) => void) {
    this.bytesMax = bytesMax;
    this.#onEvict = onEvict;
  }

  /** @param position 0 for the newest; must be less than `count` */
  nameAt(position: number): string {
    return this.#names[(this.inserted - 1 - position) & this.#mask]!;
  }

  valueAt(position: number): string {
    return this.#values[(this.inserted - 1 - position) & this.#mask]!;
  }

  /** One that is larger than the table empties it (RFC 7541 section 4.4). */
  insert(name: string, value: string): void {
    const bytes = name.length + value.length + HPACK_ENTRY_OVERHEAD_BYTES;
    this.#evictTo(this.bytesMax - bytes);
    if (bytes > this.bytesMax) return;
    if (this.count > this.#mask) this.#grow();
    const slot = this.inserted & this.#mask;
    this.#names[slot] = name;
    this.#values[slot] = value;
    this.inserted++;
    this.count++;
    this.bytes += bytes;
  }

  resize(bytesMax: number): void {
    this.bytesMax = bytesMax;
    this.#evictTo(bytesMax);
  }

  #evictTo(bytes: number): void {
    while (this.count > 0 && this.bytes > bytes) {
      const serial = this.inserted - this.count;
      const slot = serial & this.#mask;
      const name = this.#names[slot]!;
      const value = this.#values[slot]!;
      this.bytes -= name.length + value.length + HPACK_ENTRY_OVERHEAD_BYTES;
      this.count--;
      this.#names[slot] = "";
      this.#values[slot] = "";
      this.#onEvict?.(name, value, serial);
    }
  }

  #grow(): void {
    const capacity = Math.max(8, (this.#mask + 1) * 2);
    const names = new Array<string>(capacity).fill("");
    const values = new Array<string>(capacity).fill("");
    for (let serial = this.inserted - this.count; serial < this.inserted; serial++) {
      names[serial & (capacity - 1)] = this.#names[serial & this.#mask]!;
      values[serial & (capacity - 1)] = this.#values[serial & this.#mask]!;
    }
    this.#names = names;
    this.#values = values;
    this.#mask = capacity - 1;
  }
}
