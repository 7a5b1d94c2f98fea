import { isTree } from "../../values/merge.ts";

/** Lines of a block map: `key: value`, nested ones indented by two. No line ends. */
export function emitPairs(data: Readonly<Record<string, unknown>>, column: number): string[] {
  const pad = " ".repeat(column);
  const lines: string[] = [];
  for (const [key, value] of Object.entries(data)) {
    const head = `${pad}${emitScalar(key)}:`;
    if (isTree(value) && Object.keys(value).length > 0) {
      lines.push(head, ...emitPairs(value, column + 2));
    } else if (Array.isArray(value) && value.length > 0) {
      lines.push(head, ...emitItems(value, column + 2));
    } else if (typeof value === "string" && isLiteral(value)) {
      lines.push(`${head} |`, ...literalLines(value, column + 2));
    } else {
      lines.push(`${head} ${emitValue(value)}`);
    }
  }
  return lines;
}

/** Lines of a block sequence, dashes at `column`. */
export function emitItems(items: readonly unknown[], column: number): string[] {
  const pad = " ".repeat(column);
  const lines: string[] = [];
  for (const item of items) {
    if (isTree(item) && Object.keys(item).length > 0) {
      const [first, ...rest] = emitPairs(item, column + 2);
      lines.push(`${pad}- ${first!.slice(column + 2)}`, ...rest);
    } else if (typeof item === "string" && isLiteral(item)) {
      lines.push(`${pad}- |`, ...literalLines(item, column + 2));
    } else {
      lines.push(`${pad}- ${emitValue(item)}`);
    }
  }
  return lines;
}

function emitValue(value: unknown): string {
  return typeof value === "string" ? emitBlockScalar(value) : emitJson(value);
}

/** Within one line. Collections are JSON, which is YAML's flow style too. */
export function emitFlow(value: unknown): string {
  return typeof value === "string" ? emitScalar(value) : emitJson(value);
}

/** JSON with a blank after colons and commas, as people write it. */
export function emitJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(emitJson).join(", ")}]`;
  if (isTree(value)) {
    return `{${Object.entries(value)
      .map(([key, child]) => `${JSON.stringify(key)}: ${emitJson(child)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** Words that some YAML reader takes for something else than text. */
const SPECIAL = /^(?:true|false|yes|no|on|off|y|n|null|nan|inf)$/i;

/** Bare when every reader takes it for text in any style, else in double quotes with JSON's escapes, which are YAML's. */
export function emitScalar(text: string): string {
  if (/^[A-Za-z_/][\w./-]*(?: [\w./-]+)*$/.test(text) && !SPECIAL.test(text)) return text;
  return JSON.stringify(text);
}

/** The same on a line of its own, where commas and colons mean nothing and single quotes spare escapes. */
function emitBlockScalar(text: string): string {
  if (/^(?:[A-Za-z_/]|--?[a-z])(?:[\w./:=,@+-]*[\w./=,@+-])?$/.test(text) && !SPECIAL.test(text)) return text;
  if (/^[\x20-\x26\x28-\x7e]*"[\x20-\x26\x28-\x7e]*$/.test(text)) return `'${text}'`;
  return emitScalar(text);
}

/** PEM and the like: several printable lines that end in exactly one line end. */
function isLiteral(text: string): boolean {
  return /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\n){2,}$/.test(text);
}

function literalLines(text: string, column: number): string[] {
  const pad = " ".repeat(column);
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => pad + line);
}
