/**
 * An ordered list of header fields. Names keep the spelling in which they arrived, since some applications read
 * them case-sensitively; look-ups are by lower-case key.
 */
export class Fields {
  /** As received or given. */
  readonly names: string[] = [];
  /** Lower case, parallel to `names`. */
  readonly keys: string[] = [];
  readonly values: string[] = [];

  get length(): number {
    return this.names.length;
  }

  append(name: string, value: string): void {
    this.names.push(name);
    this.keys.push(name.toLowerCase());
    this.values.push(value);
  }

  /** The first value of a field, by its key in lower case. */
  get(key: string): string | undefined {
    const index = this.keys.indexOf(key);
    return index < 0 ? undefined : this.values[index];
  }

  /** Every value of a field, by its key in lower case. */
  all(key: string): readonly string[] {
    let found: string[] | undefined;
    for (let index = 0; index < this.keys.length; index++) {
      if (this.keys[index] !== key) continue;
      if (found) found.push(this.values[index]!);
      else found = [this.values[index]!];
    }
    return found ?? NO_VALUES;
  }

  /** How often a field occurs, by its key in lower case. */
  count(key: string): number {
    let count = 0;
    for (let index = 0; index < this.keys.length; index++) if (this.keys[index] === key) count++;
    return count;
  }

  has(key: string): boolean {
    return this.keys.includes(key);
  }

  /** Replaces every occurrence by one, which stands where the first stood. */
  set(name: string, value: string): void {
    const key = name.toLowerCase();
    const first = this.keys.indexOf(key);
    if (first < 0) {
      this.append(name, value);
      return;
    }
    this.names[first] = name;
    this.values[first] = value;
    this.#removeFrom(key, first + 1);
  }

  remove(name: string): void {
    this.#removeFrom(name.toLowerCase(), 0);
  }

  /** Makes the list what these pairs say. */
  replaceAll(entries: readonly (readonly [name: string, value: string])[]): void {
    this.names.length = 0;
    this.keys.length = 0;
    this.values.length = 0;
    for (const [name, value] of entries) this.append(name, value);
  }

  /** Name and value pairs, for records and tests. */
  entries(): [name: string, value: string][] {
    return this.names.map((name, index) => [name, this.values[index]!]);
  }

  #removeFrom(key: string, start: number): void {
    for (let index = this.keys.length - 1; index >= start; index--) {
      if (this.keys[index] !== key) continue;
      this.names.splice(index, 1);
      this.keys.splice(index, 1);
      this.values.splice(index, 1);
    }
  }
}

const NO_VALUES: readonly string[] = Object.freeze([]);
