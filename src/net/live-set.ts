/** Something that a drain waits for. */
export interface Drainable {
  /** Finish what runs, take on nothing new, then close. */
  drain(): void;
  /** Close at once. */
  destroy(): void;
}

/** The connections that live now, so that a drain can tell each and wait for the last. */
export class LiveSet {
  readonly #members = new Set<Drainable>();
  #isDraining = false;
  #onEmpty: (() => void) | undefined;

  get size(): number {
    return this.#members.size;
  }

  /** Whoever joins during a drain is told at once. */
  add(member: Drainable): void {
    this.#members.add(member);
    if (this.#isDraining) member.drain();
  }

  remove(member: Drainable): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.#onEmpty?.();
  }

  /** Resolves when the last member left, or when the deadline destroyed those that had not. */
  drain(deadline: AbortSignal): Promise<void> {
    this.#isDraining = true;
    for (const member of [...this.#members]) member.drain();
    return new Promise((resolve) => {
      const finish = () => {
        deadline.removeEventListener("abort", onDeadline);
        this.#onEmpty = undefined;
        resolve();
      };
      const onDeadline = () => {
        this.destroy();
        finish();
      };
      if (this.#members.size === 0) return finish();
      if (deadline.aborted) return onDeadline();
      this.#onEmpty = finish;
      deadline.addEventListener("abort", onDeadline, { once: true });
    });
  }

  destroy(): void {
    for (const member of [...this.#members]) member.destroy();
  }
}
