import type {
  OutlineItem,
  OutlineMap,
  OutlineNode,
  OutlinePair,
  OutlineScalar,
  OutlineSeq,
} from "./outline.ts";
import { UndecodedScalar } from "./outline.ts";
import { plainValue, readFlowOrQuoted } from "./scan-inline.ts";
import type { DocumentSlice } from "./split-documents.ts";

/**
 * Outline of a document in plain block style, a hundred times faster than a YAML parser, for that is what manifests
 * are. Anything it is not sure about makes it give up: tabs in indentation, anchors, aliases, tags, complex or duplicate
 * keys, directives, flow style over several lines, scalars over several lines outside `|` and `>`.
 *
 * @returns undefined for a document to be read by the full parser, empty ones included
 */
export function scanOutline(text: string, slice: DocumentSlice): OutlineMap | undefined {
  try {
    return new Scanner(text, slice).document();
  } catch (error) {
    if (error instanceof NotPlain) return undefined;
    throw error;
  }
}

/** The document needs the full parser. */
class NotPlain extends Error {}

/** Keys whose text decides about injection: it has to be read. */
const DECIDING = /meshctl\.io\/|^(?:kind|apiVersion|name|generateName|namespace|image|protocol|hostNetwork)$/;

/** Deeper nesting is no manifest, and would exhaust the stack. */
const DEPTH_MAX = 100;

/** So many keys are compared one by one: a set for each map costs more. */
const FEW_PAIRS = 16;

function hasKey(pairs: readonly OutlinePair[], key: string): boolean {
  for (const pair of pairs) if (pair.key === key) return true;
  return false;
}

function isLetter(char: number): boolean {
  return (char >= 97 && char <= 122) || (char >= 65 && char <= 90);
}

/** Digits, dash, dot, slash, underscore. */
function isInWord(char: number): boolean {
  return (char >= 45 && char <= 57) || char === 95;
}

class Scanner {
  readonly #text: string;
  readonly #end: number;
  /** Start of the next line. */
  #next: number;
  /** Column of the current line's content; -1 at the end of the document. */
  #column = -1;
  /** Offset of the current line's content. */
  #content = 0;
  /** End of the current line, without its line end. */
  #lineEnd = 0;
  #depth = 0;
  /** Whether the document has carriage returns at all: then each line is looked at. */
  readonly #hasReturns: boolean;

  constructor(text: string, slice: DocumentSlice) {
    this.#text = text;
    this.#end = slice.end;
    this.#hasReturns = text.slice(slice.start, slice.end).includes("\r");
    this.#next = slice.start + (text.charCodeAt(slice.start) === 0xfeff ? 1 : 0);
  }

  document(): OutlineMap {
    this.#advance();
    if (this.#column === 0 && this.#text.startsWith("---", this.#content)) {
      // Content on the marker's own line is rare; a comment is not.
      if (!/^---[ ]*(#.*)?$/.test(this.#text.slice(this.#content, this.#lineEnd))) throw new NotPlain();
      this.#advance();
    }
    if (this.#column !== 0) throw new NotPlain();
    const root = this.#block();
    if (root.kind !== "map") throw new NotPlain();
    if (this.#column >= 0 && !/^\.\.\.\s*$/.test(this.#text.slice(this.#content, this.#lineEnd)))
      throw new NotPlain();
    return root;
  }

  /** To the next line with content. */
  #advance(): void {
    while (this.#next < this.#end) {
      const start = this.#next;
      let position = start;
      while (this.#text.charCodeAt(position) === 32) position++;
      const newline = this.#text.indexOf("\n", position);
      const stop = newline < 0 || newline >= this.#end ? this.#end : newline;
      this.#next = newline < 0 || newline >= this.#end ? this.#end : newline + 1;
      const end = stop > position && this.#text.charCodeAt(stop - 1) === 13 ? stop - 1 : stop;
      const char = this.#text.charCodeAt(position);
      if (position >= end || char === 35 /* # */) continue;
      // A tab, or a carriage return alone, which YAML takes for a line end.
      if (char === 9 || (this.#hasReturns && this.#text.slice(position, end).includes("\r")))
        throw new NotPlain();
      this.#column = position - start;
      this.#content = position;
      this.#lineEnd = end;
      return;
    }
    this.#column = -1;
  }

  /** The block collection that starts at the current content. */
  #block(): OutlineMap | OutlineSeq {
    if (++this.#depth > DEPTH_MAX) throw new NotPlain();
    const node = this.#isDash() ? this.#seq(this.#column) : this.#map(this.#column);
    this.#depth--;
    return node;
  }

  #map(column: number): OutlineMap {
    const start = this.#content;
    const pairs: OutlinePair[] = [];
    let keys: Set<string> | undefined;
    while (this.#column === column && !this.#isDash() && !this.#isDocumentEnd()) {
      const pair = this.#pair(column);
      if (pair.key === "<<") throw new NotPlain();
      if (pairs.length < FEW_PAIRS) {
        if (hasKey(pairs, pair.key)) throw new NotPlain();
      } else {
        keys ??= new Set(pairs.map(({ key }) => key));
        if (keys.has(pair.key)) throw new NotPlain();
        keys.add(pair.key);
      }
      pairs.push(pair);
    }
    if (this.#column > column || pairs.length === 0) throw new NotPlain();
    const last = pairs.at(-1)!;
    return { kind: "map", flow: false, start, end: last.value?.end ?? last.colonEnd, column, pairs };
  }

  #pair(column: number): OutlinePair {
    const keyStart = this.#content;
    const wordEnd = this.#wordEnd(keyStart);
    if (wordEnd > keyStart) {
      const key = this.#text.slice(keyStart, wordEnd);
      if (typeof plainValue(key) !== "string") throw new NotPlain();
      return this.#valueOf(key, keyStart, wordEnd + 1, column);
    }
    const line = this.#text.slice(keyStart, this.#lineEnd);
    const match =
      /^(?:"([^"\\]*)"|'([^']*)'|([^\s"'#&*!|>%@`{}[\],?:-][^:#]*?|[-?:][^\s:#][^:#]*?)) ?:(?=[ ]|$)/.exec(
        line,
      );
    // Keys such as `a:b` or `a#b` are legal and rare.
    if (!match) throw new NotPlain();
    const colonEnd = keyStart + match[0].length;
    const plain = match[3];
    // A plain key that reads as a number or boolean is no string; the full parser knows what it becomes.
    if (plain !== undefined && typeof plainValue(plain) !== "string") throw new NotPlain();
    return this.#valueOf(match[1] ?? match[2] ?? plain!, keyStart, colonEnd, column);
  }

  #valueOf(key: string, keyStart: number, colonEnd: number, column: number): OutlinePair {
    const value = this.#value(colonEnd, column, true);
    if (value?.kind === "scalar" && value.value instanceof UndecodedScalar && DECIDING.test(key))
      throw new NotPlain();
    return { key, keyStart, colonEnd, value };
  }

  /** End of the key at an offset when it is a word as nearly all are (`app.kubernetes.io/name`), with its colon right after it; else the offset. */
  #wordEnd(start: number): number {
    const text = this.#text;
    let position = start;
    if (!isLetter(text.charCodeAt(position))) return start;
    for (let char = text.charCodeAt(++position); isLetter(char) || isInWord(char); ) {
      char = text.charCodeAt(++position);
    }
    if (position >= this.#lineEnd || text.charCodeAt(position) !== 58) return start;
    return position + 1 === this.#lineEnd || text.charCodeAt(position + 1) === 32 ? position : start;
  }

  #seq(column: number): OutlineSeq {
    const start = this.#content;
    const items: OutlineItem[] = [];
    while (this.#column === column && this.#isDash() && !this.#isDocumentEnd()) {
      const dash = this.#content;
      const value = this.#item(dash, column);
      items.push({ start: dash, value, end: value?.end ?? dash + 1 });
    }
    if (this.#column > column) throw new NotPlain();
    return { kind: "seq", flow: false, start, end: items.at(-1)!.end, column, items };
  }

  #item(dash: number, column: number): OutlineNode | undefined {
    let position = dash + 1;
    while (this.#text.charCodeAt(position) === 32 && position < this.#lineEnd) position++;
    const rest = this.#text.slice(position, this.#lineEnd);
    if (rest === "" || rest.startsWith("#")) return this.#value(dash + 1, column, false);
    const isWord = this.#wordEnd(position) > position;
    if (isWord || /^(?:"[^"\\]*"|'[^']*'|[^\s"'#&*!|>%@`{}[\],?:-][^:#]*?) ?:(?: |$)/.test(rest)) {
      // A map whose first key stands beside the dash: its column is where the key is.
      this.#column = column + (position - dash);
      this.#content = position;
      return this.#block();
    }
    return this.#value(dash + 1, column, false);
  }

  /**
   * What follows a colon or a dash. Afterwards the current line is the one after the value.
   *
   * @param column of the parent: content on lines of its own stands further right; a sequence in a map may stand level
   */
  #value(after: number, column: number, inMap: boolean): OutlineNode | undefined {
    let position = after;
    while (this.#text.charCodeAt(position) === 32 && position < this.#lineEnd) position++;
    const rest = this.#text.slice(position, this.#lineEnd);
    if (rest.startsWith("\t")) throw new NotPlain();
    if (rest === "" || (rest.startsWith("#") && position > after)) {
      this.#advance();
      if (this.#column > column) return this.#block();
      if (inMap && this.#column === column && this.#isDash()) return this.#block();
      return undefined;
    }
    const first = rest[0]!;
    if (first === "|" || first === ">") return this.#blockScalar(position, rest, column);
    let scalar: OutlineNode;
    if (first === "{" || first === "[" || first === '"' || first === "'") {
      const inline = readFlowOrQuoted(this.#text, position, this.#lineEnd);
      if (!inline || !/^[ ]*$|^[ ]+#/.test(this.#text.slice(inline.end, this.#lineEnd))) throw new NotPlain();
      scalar = inline;
    } else {
      scalar = this.#plain(position, rest);
    }
    this.#advance();
    // A line further right continues a plain scalar, or is an error.
    if (this.#column > column) throw new NotPlain();
    return scalar;
  }

  #plain(start: number, rest: string): OutlineScalar {
    // Nearly all: a word or a number, in which nothing could be a key, a comment or the start of something else.
    const first = rest.charCodeAt(0);
    const isUsual = isLetter(first) || (first >= 48 && first <= 57) || first === 47;
    if (isUsual && !rest.includes(":") && !rest.includes("#") && !rest.includes("\t")) {
      const word = rest.trimEnd();
      return { kind: "scalar", start, end: start + word.length, value: plainValue(word) };
    }
    if (/^[&*!%@`,\]}#]|^[-?:](?: |$)/.test(rest) || /:(?: |$)|\t/.test(rest)) throw new NotPlain();
    const comment = rest.indexOf(" #");
    const content = (comment < 0 ? rest : rest.slice(0, comment)).trimEnd();
    if (content.endsWith(":")) throw new NotPlain();
    return { kind: "scalar", start, end: start + content.length, value: plainValue(content) };
  }

  /** `|` and `>`: lines that are blank or stand further right than the parent. */
  #blockScalar(start: number, header: string, column: number): OutlineScalar {
    const match = /^[|>](?:([+-])?[1-9]?|[1-9]([+-]))(?: +#.*| *)$/.exec(header);
    if (!match) throw new NotPlain();
    const keep = (match[1] ?? match[2]) === "+";
    let end = this.#lineEnd;
    let position = this.#next;
    while (position < this.#end) {
      let content = position;
      while (this.#text.charCodeAt(content) === 32) content++;
      const newline = this.#text.indexOf("\n", content);
      const next = newline < 0 || newline >= this.#end ? this.#end : newline + 1;
      const blank = this.#text.slice(content, next).trim() === "";
      if (!blank && content - position <= column) break;
      // Blank lines at the end belong to the text only when they are kept.
      if (!blank || keep) end = next;
      position = next;
    }
    this.#next = position;
    this.#advance();
    return { kind: "scalar", start, end, value: new UndecodedScalar(start) };
  }

  #isDash(): boolean {
    if (this.#text.charCodeAt(this.#content) !== 45) return false;
    const next = this.#content + 1;
    return next >= this.#lineEnd || this.#text.charCodeAt(next) === 32;
  }

  #isDocumentEnd(): boolean {
    return this.#column === 0 && this.#text.startsWith("...", this.#content);
  }
}
