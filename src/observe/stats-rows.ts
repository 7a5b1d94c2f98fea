import type { PeerKey, StatsKey } from "./stats.ts";

/** A distinct key, its number in frames, and how many of its connections are open. */
export interface StatsRow {
  readonly index: number;
  readonly key: StatsKey;
  open: number;
  /** Second in which it was last counted; it may be given away when that is out of every window. */
  lastSecond: number;
}

/** What a row's key is made from; LiveExchange and LiveTransport both have it. */
export interface StatsSource {
  readonly direction: "inbound" | "outbound";
  readonly peerIp: string;
  readonly peerIdentity: string;
  readonly tls: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string;
  readonly parent: string;
  readonly route?: string;
  readonly authorization: string;
}

/**
 * Bounded table of the keys that counts are kept by: `limit` a direction; what does not fit goes to a row whose
 * strings are all `other`. Rows that nobody has counted for `idleSeconds` make room for new ones.
 */
export class StatsRows {
  readonly #limit: number;
  readonly #idleSeconds: number;
  readonly #byKey = new Map<string, StatsRow>();
  readonly #rows: (StatsRow | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #count = { inbound: 0, outbound: 0 };
  readonly #others: Readonly<Record<"inbound" | "outbound", StatsRow>>;
  /** Label sets are shared objects, so their sorted text is made once for each. */
  readonly #labelTexts = new WeakMap<object, string>();
  #sweptAt = Number.NEGATIVE_INFINITY;
  /** Keys that were asked for lately: nearly all exchanges have one of a few, and comparing costs less than making a text. */
  readonly #recent: { readonly source: StatsSource; readonly row: StatsRow }[] = [];

  constructor(limit: number, idleSeconds: number) {
    this.#limit = limit;
    this.#idleSeconds = idleSeconds;
    this.#others = {
      inbound: this.#add(otherKey("inbound"), 0),
      outbound: this.#add(otherKey("outbound"), 0),
    };
  }

  row(source: StatsSource, second: number): StatsRow {
    for (const recent of this.#recent) {
      // A row that was given away meanwhile is not this one's any more.
      if (!isSame(recent.source, source) || this.#rows[recent.row.index] !== recent.row) continue;
      recent.row.lastSecond = second;
      return recent.row;
    }
    const row = this.#lookUp(source, second);
    // What found no room of its own looks for some each time.
    if (row === this.#others[source.direction]) return row;
    if (this.#recent.length >= RECENT_MAX) this.#recent.pop();
    // A copy: the source lives as long as its exchange and no longer.
    this.#recent.unshift({ source: sourceOf(source), row });
    return row;
  }

  #lookUp(source: StatsSource, second: number): StatsRow {
    const text = `${source.direction}\n${source.peerIdentity}\n${source.peerIp}\n${this.#labelText(source.labels)}\n${
      source.tls
    }\n${source.target}\n${source.parent}\n${source.route ?? ""}\n${source.authorization}`;
    const known = this.#byKey.get(text);
    if (known) {
      known.lastSecond = second;
      return known;
    }
    if (this.#count[source.direction] >= this.#limit) this.#sweep(second);
    if (this.#count[source.direction] >= this.#limit) {
      const other = this.#others[source.direction];
      other.lastSecond = second;
      return other;
    }
    const row = this.#add(keyOf(source), second);
    this.#count[source.direction]++;
    this.#byKey.set(text, row);
    return row;
  }

  at(index: number): StatsRow | undefined {
    return this.#rows[index];
  }

  *[Symbol.iterator](): Iterator<StatsRow> {
    for (const row of this.#rows) if (row) yield row;
  }

  #add(key: StatsKey, second: number): StatsRow {
    const index = this.#free.pop() ?? this.#rows.length;
    const row: StatsRow = { index, key, open: 0, lastSecond: second };
    this.#rows[index] = row;
    return row;
  }

  /** Gives away the rows that are out of every window. At most every ten seconds: a full table stays full under a flood. */
  #sweep(second: number): void {
    if (second - this.#sweptAt < 10) return;
    this.#sweptAt = second;
    for (const [text, row] of this.#byKey) {
      if (row.open > 0 || second - row.lastSecond <= this.#idleSeconds) continue;
      this.#byKey.delete(text);
      this.#rows[row.index] = undefined;
      this.#free.push(row.index);
      this.#count[row.key.direction]--;
    }
  }

  #labelText(labels: Readonly<Record<string, string>>): string {
    let text = this.#labelTexts.get(labels);
    if (text === undefined) {
      // Equal sets of two objects (discovery sent the endpoint again) must give one row, hence the text, not a number.
      text = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
      this.#labelTexts.set(labels, text);
    }
    return text;
  }
}

const RECENT_MAX = 8;

function isSame(left: StatsSource, right: StatsSource): boolean {
  return (
    left.labels === right.labels &&
    left.direction === right.direction &&
    left.tls === right.tls &&
    left.parent === right.parent &&
    (left.route ?? "") === (right.route ?? "") &&
    left.authorization === right.authorization &&
    left.target === right.target &&
    left.peerIp === right.peerIp &&
    left.peerIdentity === right.peerIdentity
  );
}

function sourceOf(source: StatsSource): StatsSource {
  const { direction, peerIp, peerIdentity, tls, labels, target, parent, route = "", authorization } = source;
  return { direction, peerIp, peerIdentity, tls, labels, target, parent, route, authorization };
}

function keyOf(source: StatsSource): StatsKey {
  const peer: PeerKey = { identity: source.peerIdentity, ip: source.peerIp, labels: source.labels };
  return {
    direction: source.direction,
    peer,
    tls: source.tls,
    target: source.target,
    parent: source.parent,
    route: source.route ?? "",
    authorization: source.authorization,
  };
}

function otherKey(direction: "inbound" | "outbound"): StatsKey {
  return {
    direction,
    peer: { identity: "other", ip: "other", labels: {} },
    tls: "other",
    target: "other",
    parent: "other",
    route: "other",
    authorization: "other",
  };
}
