import { isDeepStrictEqual } from "node:util";
import { type OutlineNode, outlineAt, outlineToData } from "./outline.ts";
import { type ParsedDocument, parseOutline, type YamlProblem } from "./parsed-outline.ts";
import { applyEdits, planEdits, type TextEdit, UnplannableEdit } from "./plan-edits.ts";
import { scanOutline } from "./scan.ts";
import { type DocumentSlice, splitDocuments } from "./split-documents.ts";

/** One document as a rewriter sees it. */
export interface EditableDocument {
  /** From 1. */
  readonly number: number;
  readonly data: unknown;
  /** Whether a collection is written in flow style inside block style: `labels: {}`. */
  isInlineFlow(path: readonly (string | number)[]): boolean;
}

/** Decides what a document becomes; returning `data` itself leaves it alone. */
export type RewriteDocument = (document: EditableDocument) => unknown;

export interface StreamProblem {
  readonly documentNumber: number;
  /** From 1, both; columns count UTF-16 units. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface EditResult {
  /** Documents with a problem stand unchanged. */
  readonly text: string;
  readonly problems: readonly StreamProblem[];
}

export interface EditOptions {
  /** Every value is needed, not only those that decide about injection: always the full parser. */
  readonly fullData: boolean;
}

/** Rewrites the documents of a stream by edits of their text: what does not change keeps every byte. */
export function editStream(text: string, rewrite: RewriteDocument, options: EditOptions): EditResult {
  const edits: TextEdit[] = [];
  const problems: StreamProblem[] = [];
  let number = 0;
  for (const slice of splitDocuments(text)) {
    number++;
    const outcome = editDocument(text, slice, number, rewrite, options);
    if ("edits" in outcome) edits.push(...outcome.edits);
    else problems.push({ documentNumber: number, ...locate(text, outcome.offset), message: outcome.message });
  }
  return { text: applyEdits(text, edits), problems };
}

function editDocument(
  text: string,
  slice: DocumentSlice,
  number: number,
  rewrite: RewriteDocument,
  options: EditOptions,
): { readonly edits: readonly TextEdit[] } | YamlProblem {
  const scanned = options.fullData ? undefined : scanOutline(text, slice);
  if (scanned) {
    const data = outlineToData(scanned);
    const after = rewrite(editable(number, scanned, data));
    if (after === data) return { edits: [] };
    try {
      return { edits: planEdits(text, scanned, data, after) };
    } catch (error) {
      if (!(error instanceof UnplannableEdit)) throw error;
    }
  }
  const parsed = parseOutline(text, slice);
  if ("problem" in parsed) return parsed.problem;
  return editParsed(text, slice, number, parsed, rewrite);
}

function editParsed(
  text: string,
  slice: DocumentSlice,
  number: number,
  { root, data }: Exclude<ParsedDocument, { problem: YamlProblem }>,
  rewrite: RewriteDocument,
): { readonly edits: readonly TextEdit[] } | YamlProblem {
  const after = rewrite(editable(number, root, data));
  if (root === undefined || after === data || isDeepStrictEqual(after, data)) return { edits: [] };
  const refusal = (why: string): YamlProblem => ({
    offset: root.start,
    message: `this document cannot be edited in place (${why}); write it without anchors, aliases and tags on the changed parts`,
  });
  let edits: TextEdit[];
  try {
    edits = planEdits(text, root, data, after);
  } catch (error) {
    if (error instanceof UnplannableEdit) return refusal(error.message);
    throw error;
  }
  // Anchors make one place stand for several: only reading the result tells whether the right ones changed.
  const shifted = edits.map((edit) => ({
    ...edit,
    start: edit.start - slice.start,
    end: edit.end - slice.start,
  }));
  const edited = applyEdits(text.slice(slice.start, slice.end), shifted);
  const again = parseOutline(edited, { start: 0, end: edited.length });
  if ("problem" in again) return refusal(again.problem.message);
  if (!isDeepStrictEqual(again.data, after)) return refusal("an anchor is used in several places");
  return { edits };
}

function editable(number: number, root: OutlineNode | undefined, data: unknown): EditableDocument {
  return {
    number,
    data,
    isInlineFlow(path) {
      const node = outlineAt(root, path);
      const parent = outlineAt(root, path.slice(0, -1));
      return (
        node !== undefined && node.kind !== "scalar" && node.flow && parent?.kind === "map" && !parent.flow
      );
    },
  };
}

/** Line and column of an offset, both from 1. */
export function locate(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (
    let newline = text.indexOf("\n");
    newline >= 0 && newline < offset;
    newline = text.indexOf("\n", newline + 1)
  ) {
    line++;
    lineStart = newline + 1;
  }
  return { line, column: offset - lineStart + 1 };
}
