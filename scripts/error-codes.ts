/**
 * Error codes: finds them in the sources and writes docs/errors.md. `--write` refreshes the page; without it, a page that is out
 * of date fails (test/tidy.test.ts does the same).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { listFiles, ROOT, readSource } from "./source-files.ts";

export interface ErrorCode {
  readonly code: string;
  readonly files: readonly string[];
  readonly kind: string | undefined;
  /** What users read, with `...` where a value stands. */
  readonly message: string | undefined;
  readonly hint: string | undefined;
}

const PAGE = "docs/errors.md";

const AREAS: Readonly<Record<string, string>> = {
  ADMIN: "The proxy's admin server.",
  BACKEND: "What a proxy answers when a route leads to no usable backend.",
  BALANCER: "What a proxy answers when no endpoint of a service can be used.",
  BUG: "A mistake in meshctl itself. Please report it with the lines it prints.",
  CHECK: "`meshctl check`.",
  CLI: "The command line.",
  COMPLETION: "`meshctl completion`.",
  CONTROL: "The control plane, as a proxy sees it.",
  DEADLINE: "A request's time was over.",
  DEMO: "`meshctl demo` and the sample application.",
  DEV: "`meshctl dev`, the local cluster.",
  DIAGNOSTICS: "`meshctl diagnostics`.",
  DIAL: "Connections that a process opens.",
  DIRECT: "Connections between proxies, on port 4143.",
  DISCOVERY: "Finding out where traffic goes.",
  DNS: "Names.",
  DOC: "`meshctl doc`.",
  EDGES: "`meshctl edges`.",
  FILTER: "Filters of routes.",
  GATEWAY: "Traffic that a proxy passes on for others.",
  HTTP: "Malformed HTTP messages; the client gets the matching 4xx or 5xx.",
  IDENTITY: "Certificates: asking for them, signing them, renewing them.",
  INIT: "`meshctl proxy-init`, the init container of injected pods.",
  INJECT: "`meshctl inject` and `uninject`, and the injector's webhook.",
  INJECTOR: "The injector's webhook.",
  INPUT: "Files, URLs and standard input of commands.",
  INSTALL: "`meshctl install` and `uninstall`.",
  ISSUER: "The certificate and key that sign all others.",
  JSONPATH: "`-o jsonpath=...`.",
  KIND: "Kinds of resources on the command line.",
  KUBE: "Talking to a Kubernetes API server.",
  LISTEN: "Ports that a process listens on.",
  LOCAL: "The local cluster's own parts.",
  LOG: "Log settings.",
  MANIFEST: "Manifests that are applied to the local cluster.",
  NETWORK: "The local cluster's addresses.",
  ORIGINAL: "Asking the kernel where a redirected connection was going.",
  OUTBOUND: "What a proxy answers to its own application.",
  PLUGIN: "Commands of others, `meshctl-NAME` on the PATH.",
  POD: "Pods of the local cluster.",
  POLICY: "Policies that a proxy was sent, and what they refuse.",
  PROFILE: "`meshctl profile`.",
  PROXY: "The proxy's configuration and life.",
  RECORD: "A broken invariant of the proxy's records: counted and logged, the traffic goes on.",
  REQUEST: "Requests that a proxy refuses.",
  ROUTE: "Routes of requests.",
  ROUTES: "`meshctl routes`.",
  SCRAPES: "`meshctl allow-scrapes`.",
  SELECTOR: "Which resources a live command looks at.",
  STAT: "`meshctl stat`.",
  STATS: "Answers of proxies to the live commands.",
  TAP: "`meshctl tap` and `top`.",
  TARGET: "Where a request goes.",
  TLS: "Mutual TLS between proxies and with the control plane.",
  TRANSPORT: "The header that proxies put before a connection.",
  UNINSTALL: "`meshctl uninstall`.",
  UPGRADE: "`meshctl upgrade` and `prune`.",
  UPSTREAM: "Servers behind a proxy.",
  USAGE: "The command line cannot be read. Nothing was done.",
  VALUES: "Install values, from flags and files.",
  VERSION: "`meshctl version`.",
  VIEW: "Formats of the views, `-o`.",
  VIZ: "`meshctl viz`, the views under Linkerd's name.",
  WATCH: "Following changes of objects.",
  YAML: "Manifests.",
};

interface Finding {
  readonly files: Set<string>;
  kind?: string | undefined;
  message?: string | undefined;
  hint?: string | undefined;
}

/** `AREA_WHAT` in the places where our sources name a code: `code: "X"`, `xxxError("X"`, and tables of them. */
export function collectErrorCodes(): ErrorCode[] {
  const found = new Map<string, Finding>();
  for (const path of [...listFiles("commands", ".ts"), ...listFiles("src", ".ts")]) {
    const source = readSource(path);
    for (const { code, index } of mentions(source)) {
      const entry: Finding = found.get(code) ?? { files: new Set() };
      found.set(code, entry);
      entry.files.add(path);
      const body = objectAround(source, index);
      entry.kind ??= /\bkind:\s*"(\w+)"/.exec(body)?.[1];
      entry.message ??= textOf(body, "message") ?? argumentAfter(source, index, code);
      entry.hint ??= textOf(body, "hint");
    }
  }
  return [...found]
    .map(([code, { files, kind, message, hint }]) => ({
      code,
      files: [...files].sort(),
      kind,
      message,
      hint,
    }))
    .sort((left, right) => (left.code < right.code ? -1 : 1));
}

const CODE = "[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+";

function* mentions(source: string): Generator<{ code: string; index: number }> {
  // A line that sets or chooses a code, or a call of something that makes an error.
  const line = new RegExp(
    `(?:\\bcode:[^\\n]*?|\\b\\w*(?:[eE]rror|[vV]iolation|[pP]roblem|[fF]ault|[fF]ailure|[rR]efuse|[iI]nvalid)\\(\\s*(?:\\w+,\\s*)?)"(${CODE})"(?:[^\\n]*?[?:]\\s*"(${CODE})")?`,
    "g",
  );
  for (const match of source.matchAll(line)) {
    for (const code of [match[1], match[2]]) {
      if (code !== undefined && !isForeign(code)) yield { code, index: match.index };
    }
  }
  // Tables: `NotFound: "KUBE_NOT_FOUND"`, in the areas where codes are chosen by status.
  for (const match of source.matchAll(/[:?]\s*"((?:KUBE|HTTP)_[A-Z0-9_]+)"/g)) {
    yield { code: match[1]!, index: match.index };
  }
}

/** Codes of Node and OpenSSL, and environment variables. */
function isForeign(code: string): boolean {
  return /^(ERR|UV|MESHCTL|LINKERD2|CERT|DEPTH|UNABLE|SELF|MODULE|HTTP_PROXY|PROTOCOL_ERROR)_?/.test(code);
}

/** The object literal that a mention stands in, roughly: up to the closing brace, or 900 characters. */
function objectAround(source: string, index: number): string {
  const start = Math.max(source.lastIndexOf("{", index), source.lastIndexOf("(", index), 0);
  const end = /\n\s*\}\);?|\n\s*\}[,;]/.exec(source.slice(index));
  return source.slice(start, index + Math.min(900, end ? end.index : 900));
}

/** The first string or template literal of a field's value, as a user reads it; undefined when there is none. */
function textOf(body: string, field: string): string | undefined {
  const start = new RegExp(`\\b${field}:\\s*`).exec(body);
  if (!start) return undefined;
  const value = body.slice(start.index + start[0].length);
  // The value ends with its line, or with the indented lines of a conditional.
  const end = /,\n/.exec(value);
  const opening = /["`]/.exec(value);
  if (!opening || (end && opening.index > end.index)) return undefined;
  return readLiteral(value, opening.index);
}

/** The literal that follows a code as the next argument: `http1Error("HTTP_BAD_CHUNK", "...")`. */
function argumentAfter(source: string, index: number, code: string): string | undefined {
  const next = new RegExp(`^[^"]*"${code}",\\s*(?=["\`])`).exec(source.slice(index, index + 200));
  return next ? readLiteral(source, index + next[0].length) : undefined;
}

/** The text of the literal that opens at `index`; `${...}`, nested or not, becomes `...`. */
function readLiteral(source: string, index: number): string {
  const quote = source[index];
  let text = "";
  for (let at = index + 1; at < source.length && source[at] !== quote; at++) {
    if (source[at] === "\\") text += source[++at];
    else if (quote === "`" && source.startsWith("${", at)) {
      at = skipExpression(source, at + 2);
      text += "...";
    } else text += source[at];
  }
  return text.replace(/\s*\n\s*/g, " ");
}

/** Index of the brace that closes a template's expression. */
function skipExpression(source: string, index: number): number {
  let at = index;
  for (; at < source.length && source[at] !== "}"; at++) {
    const character = source[at]!;
    if (character === "{") at = skipExpression(source, at + 1);
    else if (character === '"' || character === "'") {
      for (at++; at < source.length && source[at] !== character; at++) if (source[at] === "\\") at++;
    } else if (character === "`") {
      for (at++; at < source.length && source[at] !== "`"; at++) {
        if (source[at] === "\\") at++;
        else if (source.startsWith("${", at)) at = skipExpression(source, at + 2);
      }
    }
  }
  return at;
}

export function renderErrorPage(codes: readonly ErrorCode[]): string {
  const lines = [
    "# Errors",
    "",
    "Every error of meshctl has a code. `--verbose` prints it with the chain of causes. Codes are `AREA_WHAT`, keep their meaning,",
    "and are never reused. The exit code is 1 whatever the error; the proxy exits 64 on bad configuration; an interrupt is 130.",
    "",
    "The kind says who can mend it: *usage* the command line, *user* an input, *environment* the cluster, the network or a",
    "permission, *bug* us. `...` stands for what was observed. Where a message depends on the case, it is left out here.",
    "",
    "This page is generated from the sources: `node scripts/error-codes.ts --write`.",
  ];
  let area: string | undefined;
  for (const { code, kind, message, hint } of codes) {
    const next = code.split("_")[0]!;
    if (next !== area) {
      area = next;
      lines.push("", `## ${area}`, "");
      const about = AREAS[next];
      if (about !== undefined) lines.push(about, "");
      lines.push("| code | kind | message | what to do |", "|---|---|---|---|");
    }
    const cells = [`\`${code}\``, kind ?? "", message ?? "", hint ?? ""];
    lines.push(`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}

export function readErrorPage(): string {
  return readFileSync(`${ROOT}${PAGE}`, "utf8");
}

if (process.argv[1] === `${ROOT}scripts/error-codes.ts`) {
  const page = renderErrorPage(collectErrorCodes());
  if (process.argv.includes("--write")) writeFileSync(`${ROOT}${PAGE}`, page);
  else if (readErrorPage() !== page) {
    process.stderr.write(`${PAGE} is out of date: node scripts/error-codes.ts --write\n`);
    process.exitCode = 1;
  }
}
