import { MeshError } from "../base/error.ts";

/** A tree of values as flags and files give it, before validation. */
export type ValueTree = { [key: string]: unknown };

/** One key per segment; a dot inside a key is written `\.`. */
export function parseValuePath(path: string): string[] {
  return path.split(/(?<!\\)\./).map((segment) => segment.replaceAll("\\.", "."));
}

/**
 * Reads one `--set` argument: `a.b=1,c=x`. A comma inside a value is written `\,`; `a={x,y}` is a list.
 *
 * @param asStrings `--set-string`: no value becomes a number, a boolean or null
 * @returns a tree to merge
 * @throws MeshError `VALUES_BAD_SET`
 */
export function parseSet(text: string, asStrings: boolean): ValueTree {
  const tree: ValueTree = {};
  for (const assignment of splitAssignments(text)) {
    const equals = assignment.indexOf("=");
    if (equals <= 0) {
      throw new MeshError({
        kind: "usage",
        code: "VALUES_BAD_SET",
        message: `"${assignment}" is no assignment of a value`,
        hint: "write --set KEY=VALUE, for example --set proxy.logLevel=debug",
      });
    }
    setAtPath(
      tree,
      parseValuePath(assignment.slice(0, equals)),
      parseValue(assignment.slice(equals + 1), asStrings),
    );
  }
  return tree;
}

/** Merges maps key by key; anything else in `over` replaces what `base` has. `null` removes nothing: it is a value. */
export function mergeTrees(base: unknown, over: unknown): unknown {
  if (!isTree(base) || !isTree(over)) return over;
  const merged: ValueTree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    merged[key] = key in merged ? mergeTrees(merged[key], value) : value;
  }
  return merged;
}

/** Sets a value in a tree, making the maps on the way. */
export function setAtPath(tree: ValueTree, path: readonly string[], value: unknown): void {
  let target = tree;
  for (const key of path.slice(0, -1)) {
    if (!isTree(target[key])) target[key] = {};
    target = target[key] as ValueTree;
  }
  target[path.at(-1)!] = value;
}

export function isTree(value: unknown): value is ValueTree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Splits at commas outside braces; `\,` is a comma of the value. */
function splitAssignments(text: string): string[] {
  const parts: string[] = [];
  let current = "";
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!;
    if (char === "\\" && text[index + 1] === ",") {
      current += ",";
      index++;
    } else if (char === "," && depth === 0) {
      parts.push(current);
      current = "";
    } else {
      if (char === "{") depth++;
      if (char === "}") depth--;
      current += char;
    }
  }
  parts.push(current);
  return parts.filter((part) => part !== "");
}

function parseValue(text: string, asStrings: boolean): unknown {
  if (text.startsWith("{") && text.endsWith("}")) {
    const inner = text.slice(1, -1);
    return inner === "" ? [] : inner.split(",").map((item) => parseValue(item, asStrings));
  }
  if (asStrings) return text;
  if (text === "true") return true;
  if (text === "false") return false;
  if (text === "null") return null;
  // A leading zero means text: 0755 and 007 are not decimal numbers.
  if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  return text;
}
