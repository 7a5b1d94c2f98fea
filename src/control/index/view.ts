import type { Topic, Topics } from "./topics.ts";

/** Tells the view that its value depends on a topic; called while it is computed. */
export type Track = (topic: Topic) => void;

export interface ViewSpec<T> {
  readonly compute: (track: Track) => T;
  /** Equal values are not told again. */
  readonly isEqual: (left: T, right: T) => boolean;
  /** What the view is about, for metrics; views without it are in none. */
  readonly describe?: (value: T) => ViewDescription;
}

export interface ViewDescription {
  /** `endpoints`, `profile`: begins the names of its metrics. */
  readonly family: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Gauges of its own, by the end of their names. */
  readonly gauges?: Readonly<Record<string, number>>;
}

/** A view that is in use, as others see it. */
export interface ViewState {
  readonly key: string;
  readonly subscribers: number;
  /** How often it has changed since its first subscriber came. */
  readonly changes: number;
  readonly description: ViewDescription | undefined;
}

/** A value derived from the indexes, kept while somebody listens. Subscribers of the same key share one. */
export interface View<T> {
  readonly current: T;
  /** Called after each change; not for the current value. Returns unsubscribe, once. */
  subscribe(listener: (next: T, previous: T) => void): () => void;
}

/** The views that are in use, by key. */
export class Views {
  readonly #topics: Topics;
  readonly #onFault: (key: string, error: Error) => void;
  readonly #views = new Map<string, LiveView<unknown>>();

  /**
   * @param onFault  told of what went wrong when a view was computed anew or told; it then keeps the value that it has, and the others
   *   are none the worse for it. Without it, faults are thrown
   */
  constructor(
    topics: Topics,
    onFault: (key: string, error: Error) => void = (_key, error) => {
      throw error;
    },
  ) {
    this.#topics = topics;
    this.#onFault = onFault;
  }

  /** The view of a key; it lives from its first subscriber to its last. */
  get<T>(key: string, spec: ViewSpec<T>): View<T> {
    const known = this.#views.get(key) as LiveView<T> | undefined;
    if (known) return known;
    const view = new LiveView<T>(this.#topics, spec, {
      onIdle: () => this.#views.delete(key),
      onFault: (error) => this.#onFault(key, error),
    });
    this.#views.set(key, view as LiveView<unknown>);
    return view;
  }

  get size(): number {
    return this.#views.size;
  }

  /** Every view that is in use. */
  *states(): Iterable<ViewState> {
    for (const [key, view] of this.#views) yield view.state(key);
  }
}

class LiveView<T> implements View<T> {
  readonly #topics: Topics;
  readonly #spec: ViewSpec<T>;
  readonly #owner: { readonly onIdle: () => void; readonly onFault: (error: Error) => void };
  readonly #listeners = new Set<(next: T, previous: T) => void>();
  #tracked = new Map<Topic, () => void>();
  #value: { readonly of: T } | undefined;
  #changes = 0;

  constructor(
    topics: Topics,
    spec: ViewSpec<T>,
    owner: { readonly onIdle: () => void; readonly onFault: (error: Error) => void },
  ) {
    this.#topics = topics;
    this.#spec = spec;
    this.#owner = owner;
  }

  state(key: string): ViewState {
    return {
      key,
      subscribers: this.#listeners.size,
      changes: this.#changes,
      description: this.#value && this.#spec.describe?.(this.#value.of),
    };
  }

  get current(): T {
    this.#value ??= { of: this.#compute() };
    return this.#value.of;
  }

  subscribe(listener: (next: T, previous: T) => void): () => void {
    this.#value ??= { of: this.#compute() };
    // Wrapped, so that the same function may subscribe twice.
    const entry = (next: T, previous: T): void => listener(next, previous);
    this.#listeners.add(entry);
    return () => {
      if (!this.#listeners.delete(entry) || this.#listeners.size > 0) return;
      for (const untrack of this.#tracked.values()) untrack();
      this.#tracked = new Map();
      this.#value = undefined;
      this.#owner.onIdle();
    };
  }

  /** Computes, and swaps the tracked topics for those that this computation looked at. */
  #compute(): T {
    const previous = this.#tracked;
    const tracked = new Map<Topic, () => void>();
    let value: T;
    try {
      value = this.#spec.compute((topic) => {
        if (!tracked.has(topic))
          tracked.set(topic, previous.get(topic) ?? this.#topics.subscribe(topic, this.#refresh));
      });
    } catch (error) {
      // It is tried again when any of what it looked at changes, now or before.
      this.#tracked = new Map([...previous, ...tracked]);
      throw error;
    }
    for (const [topic, untrack] of previous) if (!tracked.has(topic)) untrack();
    this.#tracked = tracked;
    return value;
  }

  readonly #refresh = (): void => {
    try {
      this.#tellChange();
    } catch (error) {
      this.#owner.onFault(error as Error);
    }
  };

  #tellChange(): void {
    if (!this.#value) return;
    const previous = this.#value.of;
    const next = this.#compute();
    if (this.#spec.isEqual(previous, next)) return;
    this.#value = { of: next };
    this.#changes++;
    for (const listener of [...this.#listeners]) listener(next, previous);
  }
}
