import { isDeepStrictEqual } from "node:util";
import { isTree } from "../../values/merge.ts";
import { emitFlow, emitItems, emitJson, emitPairs } from "./emit.ts";
import type { OutlineMap, OutlineNode, OutlinePair, OutlineScalar, OutlineSeq } from "./outline.ts";

/** Replaces `start` to `end` by `text`; an insertion has `start === end`, a removal no text. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Two trees differ in a way that no edit here can express. A caller falls back or refuses. */
export class UnplannableEdit extends Error {}

/**
 * Text edits that turn a document that reads as `before` into one that reads as `after`.
 *
 * What both have in common is not touched: new keys and items are whole lines in block style (first in their map, at
 * their index in a sequence) and stand within the line in flow style; what is gone is cut out likewise; only a scalar
 * that changed is replaced in place.
 *
 * @param text the whole stream that the outline's offsets refer to
 * @throws UnplannableEdit
 */
export function planEdits(text: string, node: OutlineNode, before: unknown, after: unknown): TextEdit[] {
  const planner = new EditPlanner(text);
  planner.value(node, before, after, false);
  return planner.edits;
}

/** @throws Error when edits overlap, which no plan makes; removals may, at the line end between them */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  // At one place insertions come first; otherwise edits keep the order in which they were planned.
  const rank = ({ start, end }: TextEdit) => (start === end ? 0 : 1);
  const sorted = edits.map((edit, order) => ({ ...edit, order }));
  sorted.sort(
    (left, right) => left.start - right.start || rank(left) - rank(right) || left.order - right.order,
  );
  let result = "";
  let position = 0;
  for (const edit of sorted) {
    if (edit.start < position && edit.text !== "") throw new Error(`edits overlap at offset ${edit.start}`);
    result += text.slice(position, edit.start) + edit.text;
    position = Math.max(position, edit.end);
  }
  return result + text.slice(position);
}

class EditPlanner {
  readonly edits: TextEdit[] = [];
  readonly #text: string;
  readonly #eol: string;

  constructor(text: string) {
    this.#text = text;
    const newline = text.indexOf("\n");
    this.#eol = newline > 0 && text[newline - 1] === "\r" ? "\r\n" : "\n";
  }

  /** @param inFlow whether the node stands inside a flow collection, where plain scalars have less room */
  value(node: OutlineNode, before: unknown, after: unknown, inFlow: boolean): void {
    if (isDeepStrictEqual(before, after)) return;
    if (node.kind === "map" && isTree(before) && isTree(after)) this.#map(node, before, after);
    else if (node.kind === "seq" && Array.isArray(before) && Array.isArray(after))
      this.#seq(node, before, after);
    else if (node.kind === "scalar") this.#replaceScalar(node, inFlow ? emitJson(after) : emitFlow(after));
    else if (node.flow) this.#replace(node.start, node.end, emitJson(after));
    else throw new UnplannableEdit(`a ${node.kind} cannot become ${JSON.stringify(after)}`);
  }

  #map(node: OutlineMap, before: Record<string, unknown>, after: Record<string, unknown>): void {
    const own = new Set(node.pairs.map((pair) => pair.key));
    // `<<: *base` brings keys that have no pair here: to change one is to add it, which overrides.
    const removed = node.pairs.filter(
      (pair) => Object.hasOwn(before, pair.key) && !Object.hasOwn(after, pair.key),
    );
    const added = Object.entries(after).filter(
      ([key, value]) => !own.has(key) && !isDeepStrictEqual(before[key], value),
    );
    if (node.flow && removed.length > 0 && added.length > 0) {
      this.#replace(node.start, node.end, emitJson(after));
      return;
    }
    for (const pair of node.pairs) {
      if (Object.hasOwn(after, pair.key)) this.#pairValue(node, pair, before[pair.key], after[pair.key]);
    }
    if (added.length > 0) this.#addPairs(node, Object.fromEntries(added));
    if (node.flow)
      this.#removeFlow(node.pairs.map(flowPairSpan), (index) => removed.includes(node.pairs[index]!));
    else this.#removeBlockPairs(node, removed, added.length > 0);
  }

  #pairValue(map: OutlineMap, pair: OutlinePair, before: unknown, after: unknown): void {
    if (isDeepStrictEqual(before, after)) return;
    if (pair.value) {
      this.value(pair.value, before, after, map.flow);
      return;
    }
    // `annotations:` with nothing behind it.
    if (map.flow || !isFilled(after)) {
      this.#insert(pair.colonEnd, ` ${map.flow ? emitJson(after) : emitFlow(after)}`);
    } else {
      const column = map.column + 2;
      this.#insertLines(
        this.#lineAfter(pair.colonEnd),
        Array.isArray(after) ? emitItems(after, column) : emitPairs(after as Record<string, unknown>, column),
      );
    }
  }

  #addPairs(map: OutlineMap, added: Record<string, unknown>): void {
    const [first] = map.pairs;
    if (map.flow) {
      const json = emitJson(added).slice(1, -1);
      if (first) this.#insert(first.keyStart, `${json}, `);
      else this.#insert(map.start + 1, json);
      return;
    }
    const lines = emitPairs(added, map.column);
    // An object starts with its kind; nothing of ours comes before.
    const head = map.pairs.findLast((pair) => pair.key === "kind" || pair.key === "apiVersion");
    if (head) {
      this.#insertLines(this.#lineAfter(pairEnd(head)), lines);
      return;
    }
    const place = this.#isFirstOnLine(first!.keyStart)
      ? this.#aboveComments(this.#lineStart(first!.keyStart), map)
      : // `- name: x`: the first pair shares its line with the dash.
        this.#lineAfter(pairEnd(first!));
    this.#insertLines(place, lines);
  }

  #seq(node: OutlineSeq, before: readonly unknown[], after: readonly unknown[]): void {
    if (before.length === after.length) {
      node.items.forEach((item, index) => {
        if (isDeepStrictEqual(before[index], after[index])) return;
        if (!item.value) throw new UnplannableEdit("an empty item cannot change");
        this.value(item.value, before[index], after[index], node.flow);
      });
      return;
    }
    const removed = new Set<number>();
    const inserted = new Map<number, unknown[]>();
    alignItems(before, after, removed, inserted);
    if (node.flow && removed.size > 0 && inserted.size > 0) {
      this.#replace(node.start, node.end, emitJson(after));
      return;
    }
    if (node.flow) {
      this.#removeFlow(node.items, (index) => removed.has(index));
    } else {
      if (after.length === 0) throw new UnplannableEdit("a block sequence cannot become empty");
      for (const index of removed) this.#removeLines(node.items[index]!.start, node.items[index]!.end);
    }
    for (const [index, items] of inserted) this.#addItems(node, index, items);
  }

  /** @param index of the item that the new ones come before; the length appends */
  #addItems(seq: OutlineSeq, index: number, items: readonly unknown[]): void {
    if (seq.flow) {
      const json = items.map(emitJson).join(", ");
      const next = seq.items[index];
      if (next) this.#insert(next.start, `${json}, `);
      else if (index > 0) this.#insert(seq.items[index - 1]!.end, `, ${json}`);
      else this.#insert(seq.start + 1, json);
      return;
    }
    const lines = emitItems(items, seq.column);
    if (index > 0) {
      this.#insertLines(this.#lineAfter(seq.items[index - 1]!.end), lines);
      return;
    }
    const first = seq.items[0]!;
    if (!this.#isFirstOnLine(first.start))
      throw new UnplannableEdit("a sequence starts on its parent's line");
    this.#insertLines(this.#aboveComments(this.#lineStart(first.start), seq), lines);
  }

  #removeBlockPairs(map: OutlineMap, removed: readonly OutlinePair[], othersCome: boolean): void {
    if (removed.length > 0 && removed.length === map.pairs.length && !othersCome) {
      throw new UnplannableEdit("a block map cannot become empty");
    }
    for (const pair of removed) {
      if (this.#isFirstOnLine(pair.keyStart)) {
        this.#removeLines(pair.keyStart, pairEnd(pair));
      } else {
        // `- name: x`: the next pair moves up to the dash.
        this.#replace(pair.keyStart, map.pairs[1]!.keyStart, "");
      }
    }
  }

  /** Cuts elements out of `{a, b, c}`, each with the comma behind it, or before it when none is behind. */
  #removeFlow(
    elements: readonly { readonly start: number; readonly end: number }[],
    isGone: (index: number) => boolean,
  ): void {
    const lastKept = elements.findLastIndex((_element, index) => !isGone(index));
    elements.forEach((element, index) => {
      if (!isGone(index)) return;
      const next = elements[index + 1];
      if (index > lastKept && lastKept >= 0) this.#replace(elements[index - 1]!.end, element.end, "");
      else this.#replace(element.start, next ? next.start : element.end, "");
    });
  }

  #replaceScalar(node: OutlineScalar, text: string): void {
    // A block scalar ends after its last line end, which the line goes on needing.
    const lineEnd = node.end > node.start && this.#text[node.end - 1] === "\n" ? this.#eol : "";
    this.#replace(node.start, node.end, text + lineEnd);
  }

  #removeLines(start: number, end: number): void {
    let from = this.#lineStart(start);
    const to = this.#lineAfter(end);
    // The last line of a text without final line end takes the line end before it along.
    if (to === this.#text.length && !this.#text.endsWith("\n") && from > 0) {
      from -= this.#text[from - 2] === "\r" ? 2 : 1;
    }
    this.#replace(from, to, "");
  }

  #insertLines(offset: number, lines: readonly string[]): void {
    const unterminated = offset === this.#text.length && offset > 0 && this.#text[offset - 1] !== "\n";
    const body = lines.join(this.#eol);
    this.#insert(offset, unterminated ? this.#eol + body : body + this.#eol);
  }

  #insert(offset: number, text: string): void {
    this.edits.push({ start: offset, end: offset, text });
  }

  #replace(start: number, end: number, text: string): void {
    this.edits.push({ start, end, text });
  }

  #lineStart(offset: number): number {
    const start = this.#text.lastIndexOf("\n", offset - 1) + 1;
    return this.#text[start] === "\ufeff" ? start + 1 : start;
  }

  /** Start of the line after the one on which content ends. */
  #lineAfter(end: number): number {
    if (end > 0 && this.#text[end - 1] === "\n") return end;
    const newline = this.#text.indexOf("\n", end);
    return newline < 0 ? this.#text.length : newline + 1;
  }

  #isFirstOnLine(offset: number): boolean {
    return this.#text.slice(this.#lineStart(offset), offset).trim() === "";
  }

  /**
   * Moves up over comments and blank lines, to stand right below the parent's key: a comment belongs to what follows it.
   * At the root nothing moves: there a comment heads the file.
   */
  #aboveComments(lineStart: number, node: OutlineMap | OutlineSeq): number {
    if (node.column === 0 && node.kind === "map") return lineStart;
    let place = lineStart;
    while (place > 0) {
      const previous = this.#lineStart(place - 1);
      if (!/^\s*(#.*)?$/.test(this.#text.slice(previous, place).trimEnd())) break;
      place = previous;
    }
    return place;
  }
}

/** After a pair's content: its value, or the colon. */
export function pairEnd(pair: OutlinePair): number {
  return pair.value ? pair.value.end : pair.colonEnd;
}

function flowPairSpan(pair: OutlinePair): { start: number; end: number } {
  return { start: pair.keyStart, end: pairEnd(pair) };
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isTree(value) && Object.keys(value).length > 0;
}

/** Which items went and which came, for sequences in which no item changed: both lists keep their order. */
function alignItems(
  before: readonly unknown[],
  after: readonly unknown[],
  removed: Set<number>,
  inserted: Map<number, unknown[]>,
): void {
  let index = 0;
  for (const item of after) {
    const found = before.findIndex((old, at) => at >= index && isDeepStrictEqual(old, item));
    if (found < 0) {
      inserted.set(index, [...(inserted.get(index) ?? []), item]);
      continue;
    }
    for (; index < found; index++) removed.add(index);
    index = found + 1;
  }
  for (; index < before.length; index++) removed.add(index);
}
