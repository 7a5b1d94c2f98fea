/** The repository's own files, for the checks that read sources. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Top folder, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Files below a folder (relative to the top, with `/`), sorted; generated code and dependencies are left out. */
export function listFiles(folder: string, extension: string): string[] {
  return readdirSync(`${ROOT}${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(ROOT.length))
    .filter((path) => !path.includes("node_modules/") && !path.startsWith("src/api/gen/"))
    .sort();
}

export function readSource(path: string): string {
  return readFileSync(`${ROOT}${path}`, "utf8");
}

/**
 * The code of a TypeScript file with comments blanked; text in quotes stays, and line numbers with it. Template literals count
 * as text as a whole. Good enough for our own formatted sources: regular expressions with quotes or `//` in them may confuse it
 * within their line, never beyond.
 */
export function withoutComments(source: string): string {
  const token =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`|\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g;
  return source.replace(token, (text) =>
    text.startsWith("//") || text.startsWith("/*") ? text.replace(/[^\n]/g, " ") : text,
  );
}

export interface ImportEdge {
  readonly from: string;
  /** The imported file, or the package's name. */
  readonly to: string;
  readonly kind: "static" | "dynamic" | "type";
  readonly line: number;
}

/** Every import and re-export of a file. Relative ones are resolved against the file. */
export function importsOf(path: string): ImportEdge[] {
  const source = withoutComments(readSource(path));
  const edges: ImportEdge[] = [];
  const add = (specifier: string, kind: ImportEdge["kind"], index: number) =>
    edges.push({
      from: path,
      to: specifier.startsWith(".") ? resolvePath(path, specifier) : specifier,
      kind,
      line: source.slice(0, index).split("\n").length,
    });
  const statement = /^(?:import|export)\s+(type\s)?([^"';]*?\sfrom\s+)?["']([^"']+)["']/gm;
  for (const match of source.matchAll(statement)) {
    // `export const x = "text"` is no import.
    if (match[0].startsWith("export") && !match[2]) continue;
    const names = match[2] ?? "";
    const onlyTypes = /^\{[^}]*\}\s*from/.test(names) && !/[{,]\s*(?!type\s)[A-Za-z_$]/.test(names);
    add(match[3]!, match[1] || onlyTypes ? "type" : "static", match.index);
  }
  for (const match of source.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)) {
    const before = source.slice(Math.max(0, match.index - 8), match.index);
    add(match[1]!, /typeof\s+$/.test(before) ? "type" : "dynamic", match.index);
  }
  return edges;
}

function resolvePath(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}
