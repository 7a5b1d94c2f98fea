/** Value -> owners, with the way back, so that an owner's values can be replaced. */
export class MultiMap {
  readonly #owners = new Map<string, Set<string>>();
  readonly #values = new Map<string, readonly string[]>();

  /** Owners in the order of their names. */
  get(value: string): string[] {
    return [...(this.#owners.get(value) ?? [])].sort();
  }

  /** Replaces an owner's values. Returns those that it had or has: whoever asked about one should ask again. */
  set(owner: string, values: readonly string[]): string[] {
    const previous = this.#values.get(owner) ?? [];
    for (const value of previous) {
      const owners = this.#owners.get(value)!;
      owners.delete(owner);
      if (owners.size === 0) this.#owners.delete(value);
    }
    for (const value of values) {
      const owners = this.#owners.get(value);
      if (owners) owners.add(owner);
      else this.#owners.set(value, new Set([owner]));
    }
    if (values.length > 0) this.#values.set(owner, values);
    else this.#values.delete(owner);
    return [...new Set([...previous, ...values])];
  }
}
