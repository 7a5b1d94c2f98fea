import { MeshError } from "../base/error.ts";
import { parseJsonPath } from "./jsonpath.ts";
import type { Column } from "./table.ts";

/** A table before it becomes text. */
export interface TableContent {
  /** A line above it. */
  readonly heading?: string | undefined;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** What a verb found out, for every output format. */
export interface MeshView {
  readonly tables: readonly TableContent[];
  /** What `-o json` prints. */
  readonly data: unknown;
  /** Said on stderr instead of a table when there is none. */
  readonly empty: string;
  /** Lines for stderr: what is missing from the answer. */
  readonly notices: readonly string[];
  /** Who answered, for how long a time: under the table of a screen. */
  readonly footer?: string | undefined;
}

export type ViewFormat =
  | { readonly kind: "table" | "wide" | "json" | "yaml" | "csv" }
  | { readonly kind: "jsonpath"; readonly path: string };

/**
 * The `-o` of a view: `table`, `wide`, `json`, `yaml`, `csv` or `jsonpath=PATH`.
 *
 * @throws MeshError `VIEW_FORMAT`, `JSONPATH_INVALID`
 */
export function parseViewFormat(text: string | undefined, kinds: readonly string[]): ViewFormat {
  const format = text ?? "table";
  if (format.startsWith("jsonpath=") && kinds.includes("jsonpath")) {
    const path = format.slice("jsonpath=".length);
    // Before a cluster is asked: a wrong path needs no answer to be wrong.
    parseJsonPath(path);
    return { kind: "jsonpath", path };
  }
  if (format !== "jsonpath" && kinds.includes(format)) return { kind: format as "table" };
  throw new MeshError({
    kind: "usage",
    code: "VIEW_FORMAT",
    message: `unsupported format ${format}`,
    hint: `use ${kinds.map((kind) => (kind === "jsonpath" ? "jsonpath=PATH" : kind)).join(", ")}`,
  });
}
