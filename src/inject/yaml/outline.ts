/**
 * Where things stand in a YAML text: what an edit needs to know, and no more. Offsets are absolute in the stream.
 *
 * Two producers make it: the indentation scanner (scan.ts), fast and for plain block style only, and the `yaml` library
 * (parsed-outline.ts) for everything else. One planner (plan-edits.ts) reads it.
 */
export type OutlineNode = OutlineMap | OutlineSeq | OutlineScalar;

export interface OutlineMap {
  readonly kind: "map";
  /** `{a: b}`; otherwise block style, which always has a pair. */
  readonly flow: boolean;
  /** Of the first key, or the brace. */
  readonly start: number;
  /** After the content of the last value, or the brace. */
  readonly end: number;
  /** Column of the keys; only block style. */
  readonly column: number;
  readonly pairs: readonly OutlinePair[];
}

export interface OutlinePair {
  readonly key: string;
  readonly keyStart: number;
  /** After the colon. */
  readonly colonEnd: number;
  /** Undefined: nothing stands after the colon, which means null. */
  readonly value: OutlineNode | undefined;
}

export interface OutlineSeq {
  readonly kind: "seq";
  readonly flow: boolean;
  /** Of the first dash, or the bracket. */
  readonly start: number;
  readonly end: number;
  /** Column of the dashes; only block style. */
  readonly column: number;
  readonly items: readonly OutlineItem[];
}

export interface OutlineItem {
  /** Of the dash, or of the value in flow style. */
  readonly start: number;
  readonly value: OutlineNode | undefined;
  /** After the content. */
  readonly end: number;
}

export interface OutlineScalar {
  readonly kind: "scalar";
  readonly start: number;
  readonly end: number;
  readonly value: unknown;
}

/** Plain data of an outline. The scanner's undecoded scalars come out as `UndecodedScalar`s. */
export function outlineToData(node: OutlineNode | undefined): unknown {
  if (node === undefined) return null;
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "seq":
      return node.items.map((item) => outlineToData(item.value));
    case "map": {
      const data: Record<string, unknown> = {};
      for (const pair of node.pairs) defineKey(data, pair.key, outlineToData(pair.value));
      return data;
    }
  }
}

/** The node at a path of keys and indexes, or undefined. */
export function outlineAt(
  root: OutlineNode | undefined,
  path: readonly (string | number)[],
): OutlineNode | undefined {
  let node = root;
  for (const step of path) {
    if (node?.kind === "map") node = node.pairs.find((pair) => pair.key === step)?.value;
    else if (node?.kind === "seq") node = node.items[step as number]?.value;
    else return undefined;
  }
  return node;
}

/** A scalar that spans lines. Injection never needs its text, so the scanner does not fold it; equal to itself only. */
export class UndecodedScalar {
  readonly start: number;

  constructor(start: number) {
    this.start = start;
  }
}

/** Assigns even `__proto__` as an own key. */
export function defineKey(target: Record<string, unknown>, key: string, value: unknown): void {
  // An assignment is ten times as fast, and every key of a manifest comes by.
  if (key !== "__proto__") target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
