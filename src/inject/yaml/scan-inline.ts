import type { OutlineItem, OutlineNode, OutlinePair } from "./outline.ts";

/** Value of a plain scalar by YAML 1.2's core schema. */
export function plainValue(text: string): unknown {
  const first = text.charCodeAt(0);
  // Most scalars start with a letter that no special word starts with.
  if (first >= 97 && first <= 122 && first !== 110 && first !== 116 && first !== 102) return text;
  if (text === "" || /^(?:~|null|Null|NULL)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?[0-9]+$/.test(text)) return Number(text);
  if (/^0o[0-7]+$/.test(text) || /^0x[0-9a-fA-F]+$/.test(text)) return Number(text);
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(text)) return Number(text);
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (/^\.(?:nan|NaN|NAN)$/.test(text)) return Number.NaN;
  return text;
}

/**
 * A flow collection or quoted scalar that ends on its line.
 *
 * @returns undefined when it does not, or holds anything unusual (comments, escapes beyond JSON's, `? ` keys, tags)
 */
export function readFlowOrQuoted(text: string, start: number, lineEnd: number): OutlineNode | undefined {
  const reader = new InlineReader(text, start, lineEnd);
  return reader.node();
}

class InlineReader {
  readonly #text: string;
  readonly #end: number;
  #position: number;
  #depth = 0;

  constructor(text: string, start: number, end: number) {
    this.#text = text;
    this.#position = start;
    this.#end = end;
  }

  node(): OutlineNode | undefined {
    const char = this.#text[this.#position];
    if (char === "{" || char === "[") {
      if (++this.#depth > 50) return undefined;
      const node = char === "{" ? this.#map() : this.#seq();
      this.#depth--;
      return node;
    }
    if (char === '"' || char === "'") return this.#quoted(char);
    return this.#plain();
  }

  #map(): OutlineNode | undefined {
    const start = this.#position++;
    const pairs: OutlinePair[] = [];
    for (;;) {
      this.#blanks();
      if (this.#take("}")) return { kind: "map", flow: true, start, end: this.#position, column: -1, pairs };
      const key = this.node();
      if (key?.kind !== "scalar" || typeof key.value !== "string" || key.value === "<<") return undefined;
      const name = key.value;
      if (pairs.some((pair) => pair.key === name)) return undefined;
      this.#blanks();
      if (!this.#take(":")) return undefined;
      const colonEnd = this.#position;
      this.#blanks();
      const value = this.node();
      if (!value) return undefined;
      pairs.push({ key: name, keyStart: key.start, colonEnd, value });
      this.#blanks();
      if (!this.#take(",") && this.#text[this.#position] !== "}") return undefined;
    }
  }

  #seq(): OutlineNode | undefined {
    const start = this.#position++;
    const items: OutlineItem[] = [];
    for (;;) {
      this.#blanks();
      if (this.#take("]")) return { kind: "seq", flow: true, start, end: this.#position, column: -1, items };
      const value = this.node();
      if (!value) return undefined;
      items.push({ start: value.start, value, end: value.end });
      this.#blanks();
      // `[a: b]` is a map in a sequence.
      if (!this.#take(",") && this.#text[this.#position] !== "]") return undefined;
    }
  }

  #quoted(quote: string): OutlineNode | undefined {
    const start = this.#position;
    let position = start + 1;
    for (; position < this.#end; position++) {
      const char = this.#text[position];
      if (quote === '"' && char === "\\") position++;
      else if (char === quote) {
        if (quote === '"' || this.#text[position + 1] !== "'") break;
        position++;
      }
    }
    if (position >= this.#end) return undefined;
    this.#position = position + 1;
    const inner = this.#text.slice(start + 1, position);
    if (quote === "'")
      return { kind: "scalar", start, end: this.#position, value: inner.replaceAll("''", "'") };
    if (!inner.includes("\\")) return { kind: "scalar", start, end: this.#position, value: inner };
    try {
      return {
        kind: "scalar",
        start,
        end: this.#position,
        value: JSON.parse(`"${inner.replaceAll("\t", "\\t")}"`),
      };
    } catch {
      return undefined;
    }
  }

  #plain(): OutlineNode | undefined {
    const start = this.#position;
    while (this.#position < this.#end && !",[]{}".includes(this.#text[this.#position]!)) {
      const char = this.#text[this.#position];
      if (char === ":" && /[\s,[\]{}]|^$/.test(this.#text[this.#position + 1] ?? "")) break;
      if (char === "#" || char === "\t") return undefined;
      this.#position++;
    }
    const content = this.#text.slice(start, this.#position).trimEnd();
    if (content === "" || /^[&*!|>%@`"'?-]/.test(content)) {
      // Negative numbers are the one common thing that starts with an indicator.
      if (!/^-\d+$/.test(content)) return undefined;
    }
    return { kind: "scalar", start, end: start + content.length, value: plainValue(content) };
  }

  #blanks(): void {
    while (this.#position < this.#end && this.#text[this.#position] === " ") this.#position++;
  }

  #take(char: string): boolean {
    if (this.#position >= this.#end || this.#text[this.#position] !== char) return false;
    this.#position++;
    return true;
  }
}
