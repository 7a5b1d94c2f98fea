/** Where changes are told: an object's name (`pod/demo/web-1`, `service/demo/web`, `ip/10.0.0.1`). */
export type Topic = string;

/**
 * Who wants to know about which topic. Changes are collected and told in one go on a later turn of the event loop, so that the
 * hundred updates of a rollout cost each view one computation.
 */
export class Topics {
  readonly #watchers = new Map<Topic, Set<() => void>>();
  readonly #due = new Set<() => void>();
  #scheduled = false;

  /** Returns unsubscribe. The callback must not throw. */
  subscribe(topic: Topic, callback: () => void): () => void {
    let watchers = this.#watchers.get(topic);
    if (!watchers) this.#watchers.set(topic, (watchers = new Set()));
    watchers.add(callback);
    return () => {
      watchers.delete(callback);
      if (watchers.size === 0 && this.#watchers.get(topic) === watchers) this.#watchers.delete(topic);
      this.#due.delete(callback);
    };
  }

  publish(topic: Topic): void {
    const watchers = this.#watchers.get(topic);
    if (!watchers) return;
    for (const callback of watchers) this.#due.add(callback);
    if (this.#scheduled || this.#due.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Tells everything that is due, now. */
  flush(): void {
    this.#scheduled = false;
    const due = [...this.#due];
    this.#due.clear();
    for (const callback of due) callback();
  }

  /** How many topics have watchers; for tests of leaks. */
  get size(): number {
    return this.#watchers.size;
  }
}
