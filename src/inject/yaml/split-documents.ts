/** A document's place in its stream; `start` to `end` cover every byte, markers and comments included. */
export interface DocumentSlice {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts a stream before each line `---` and after each line `...`. YAML forbids such lines inside any scalar, so no
 * parser is needed. What has only directives or comments before a `---` belongs to the document that follows.
 */
export function splitDocuments(text: string): DocumentSlice[] {
  const slices: DocumentSlice[] = [];
  const marker = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gm;
  let start = 0;
  const cut = (end: number): void => {
    if (end <= start) return;
    if (!isPreamble(text.slice(start, end))) {
      slices.push({ start, end });
      start = end;
    }
  };
  for (let match = marker.exec(text); match !== null; match = marker.exec(text)) {
    if (match[0] === "---") {
      cut(match.index);
      continue;
    }
    const lineEnd = text.indexOf("\n", match.index);
    const end = lineEnd < 0 ? text.length : lineEnd + 1;
    if (end > start) slices.push({ start, end });
    start = end;
  }
  if (start < text.length) slices.push({ start, end: text.length });
  return slices;
}

/** Only blank lines, comments and directives, and no marker yet. */
function isPreamble(text: string): boolean {
  return text
    .replace(/^\ufeff/, "")
    .split("\n")
    .every((line) => /^\s*(#.*)?$/.test(line.trimEnd()) || line.startsWith("%"));
}
