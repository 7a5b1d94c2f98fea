import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { OutlineItem, OutlineMap, OutlineNode, OutlinePair, OutlineSeq } from "./outline.ts";
import type { DocumentSlice } from "./split-documents.ts";

/** Why a text is no YAML, with its place: `offset` is absolute in the stream. */
export interface YamlProblem {
  readonly message: string;
  readonly offset: number;
}

export type ParsedDocument =
  | { readonly problem: YamlProblem }
  | { readonly root: OutlineNode | undefined; readonly data: unknown };

const OPTIONS = { merge: true, prettyErrors: false, uniqueKeys: true, logLevel: "silent" } as const;

/** Outline and data of one document, by the `yaml` library: any style, anchors, tags, JSON. */
export function parseOutline(text: string, slice: DocumentSlice): ParsedDocument {
  const document = parseDocument(text.slice(slice.start, slice.end), OPTIONS);
  const error = document.errors[0];
  if (error) return { problem: { message: error.message, offset: slice.start + error.pos[0] } };
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: 1000 });
  } catch (cause) {
    return {
      problem: { message: cause instanceof Error ? cause.message : String(cause), offset: slice.start },
    };
  }
  return { root: new Converter(text, slice.start, document).node(document.contents), data };
}

class Converter {
  readonly #text: string;
  readonly #base: number;
  readonly #document: Document;

  constructor(text: string, base: number, document: Document) {
    this.#text = text;
    this.#base = base;
    this.#document = document;
  }

  node(node: Node | null | undefined): OutlineNode | undefined {
    if (!node?.range) return undefined;
    if (isMap(node)) return this.#map(node);
    if (isSeq(node)) return this.#seq(node);
    const start = this.#base + node.range[0];
    const end = this.#base + node.range[1];
    // An alias stands for a value; to change it, the value is written out in its place.
    if (isAlias(node)) return { kind: "scalar", start, end, value: this.#resolve(node) };
    if (start === end) return undefined;
    return { kind: "scalar", start, end, value: isScalar(node) ? node.value : undefined };
  }

  #resolve(alias: Alias): unknown {
    return alias.resolve(this.#document)?.toJS(this.#document);
  }

  #map(map: YAMLMap): OutlineMap {
    const pairs: OutlinePair[] = [];
    for (const { key, value } of map.items) {
      const keyNode = key as Node;
      const keyEnd = this.#base + (keyNode.range?.[1] ?? 0);
      pairs.push({
        key: isScalar(keyNode) ? String(keyNode.value) : "",
        keyStart: this.#base + (keyNode.range?.[0] ?? 0),
        colonEnd: this.#text.indexOf(":", keyEnd) + 1,
        value: this.node(value as Node | null),
      });
    }
    const start = this.#base + map.range![0];
    if (map.flow === true)
      return { kind: "map", flow: true, start, end: this.#base + map.range![1], column: -1, pairs };
    const last = pairs.at(-1);
    const end = last ? (last.value?.end ?? last.colonEnd) : start;
    return { kind: "map", flow: false, start, end, column: this.#column(pairs[0]?.keyStart ?? start), pairs };
  }

  #seq(seq: YAMLSeq): OutlineSeq {
    const start = this.#base + seq.range![0];
    if (seq.flow === true) {
      const items = seq.items.map((item): OutlineItem => {
        const { range } = item as Node;
        return { start: this.#base + range![0], end: this.#base + range![1], value: this.node(item as Node) };
      });
      return { kind: "seq", flow: true, start, end: this.#base + seq.range![1], column: -1, items };
    }
    const items: OutlineItem[] = [];
    let from = start;
    for (const item of seq.items) {
      const value = this.node(item as Node | null);
      const content = this.#base + ((item as Node).range?.[0] ?? 0);
      const dash = this.#dashBefore(content, from);
      const end = value?.end ?? dash + 1;
      items.push({ start: dash, end, value });
      from = end;
    }
    return {
      kind: "seq",
      flow: false,
      start,
      end: items.at(-1)?.end ?? start,
      column: this.#column(start),
      items,
    };
  }

  /** The dash of an item: the first one after the item before it that no comment hides. */
  #dashBefore(content: number, from: number): number {
    let position = from;
    while (position < content) {
      const char = this.#text[position];
      if (char === "-") return position;
      if (char === "#") {
        const newline = this.#text.indexOf("\n", position);
        position = newline < 0 ? content : newline;
      }
      position++;
    }
    return from;
  }

  #column(offset: number): number {
    const lineStart = this.#text.lastIndexOf("\n", offset - 1) + 1;
    return offset - lineStart - (this.#text[lineStart] === "\ufeff" ? 1 : 0);
  }
}
