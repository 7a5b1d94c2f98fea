import { type Exchange, isWatch, type Json, type StepOutput } from "./recording.ts";

/** One place where two answers differ. */
export interface Difference {
  /** `.items[0].spec.replicas` */
  readonly path: string;
  readonly expected: Json;
  readonly actual: Json;
}

/** Fields that no two servers give the same value: only that they are there counts. */
const VALUE_MASKED = new Set([
  "uid",
  "resourceVersion",
  "continue",
  "remainingItemCount",
  "token",
  "expirationTimestamp",
  "clusterIP",
  "podIP",
  "hostIP",
  "nodeName",
  "observedGeneration",
  "caBundle",
]);
/** Fields that are not compared: server-side apply's book-keeping, and texts of documentation. */
const IGNORED = new Set(["managedFields", "description", "selfLink"]);
/** `3m20s`, `2 (5s ago)`: depends on the moment within a second. */
const AGE = /\b(\d+[dhms])+\b/g;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Lists whose order is chance. */
const UNORDERED = /\.(resourceRules|nonResourceRules)$/;

function sorted(list: readonly Json[]): Json[] {
  return [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Names, times, ids and addresses within text, by a word of their kind. */
export function maskText(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uid>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replace(/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]+ [+-]\d{4}/g, "<time>")
    .replace(/\b\d{1,3}(\.\d{1,3}){3}\b/g, "<ip>")
    .replace(/-[0-9bcdf-hj-np-tv-z]{7,10}-[bcdf-hj-np-tv-z2456789]{5}\b/g, "-<hash>-<suffix>")
    .replace(/(web|made|idle)-[0-9bcdf-hj-np-tv-z]{7,10}\b/g, "$1-<hash>")
    .replace(/(headless|web|exposed|made)-[bcdf-hj-np-tv-z2456789]{5}\b/g, "$1-<suffix>")
    .replace(/kube-api-access-[bcdf-hj-np-tv-z2456789]{5}/g, "kube-api-access-<suffix>")
    .replace(/Invalid value: "\{.*\}"/g, 'Invalid value: "<object>"')
    .replace(/X509SHA256=\w+/g, "X509SHA256=<digest>")
    .replace(/(current:) \d+/g, "$1 <n>")
    .replace(/(resourceVersion: ?"?|resource version: )\d+"?( \(\d+\))?/g, "$1<n>");
}

/** Compares answers: names, times, ids and addresses masked. Lists are compared item by item. */
export function compareAnswers(expected: Json, actual: Json, path = ""): Difference[] {
  if (UNORDERED.test(path) && Array.isArray(expected) && Array.isArray(actual) && !path.endsWith("?")) {
    return compareAnswers(sorted(expected), sorted(actual), `${path}?`);
  }
  if (typeof expected === "string" && typeof actual === "string") {
    if (TIME.test(expected) && TIME.test(actual)) return [];
    const mask = (text: string) =>
      path.includes(".cells[") ? maskText(text).replace(AGE, "<age>") : maskText(text);
    return mask(expected) === mask(actual) ? [] : [{ path, expected, actual }];
  }
  if (typeof expected !== typeof actual || Array.isArray(expected) !== Array.isArray(actual)) {
    return [{ path, expected, actual }];
  }
  if (typeof expected !== "object" || expected === null || actual === null) {
    return Object.is(expected, actual) ? [] : [{ path, expected, actual }];
  }
  if (Array.isArray(expected)) {
    const found: Difference[] = [];
    if (expected.length !== actual.length) {
      found.push({ path: `${path}.length`, expected: expected.length, actual: actual.length });
    }
    for (let i = 0; i < Math.min(expected.length, actual.length); i++) {
      found.push(...compareAnswers(expected[i], actual[i], `${path}[${i}]`));
    }
    return found;
  }
  const found: Difference[] = [];
  for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    if (IGNORED.has(key)) continue;
    const at = `${path}.${key}`;
    if (!(key in actual)) found.push({ path: at, expected: expected[key], actual: undefined });
    else if (!(key in expected)) found.push({ path: at, expected: undefined, actual: actual[key] });
    else if (VALUE_MASKED.has(key)) {
      if (typeof expected[key] !== typeof actual[key]) {
        found.push({ path: at, expected: expected[key], actual: actual[key] });
      }
    } else found.push(...compareAnswers(expected[key], actual[key], at));
  }
  return found;
}

interface Recording {
  readonly exchanges: readonly Exchange[];
  readonly outputs: readonly StepOutput[];
}

/** Lines about what two recordings of one session differ in: what was printed, and the last answer to each request of a step. */
export function compareRecordings(left: Recording, right: Recording): string[] {
  const lines: string[] = [];
  for (const output of left.outputs) {
    const other = right.outputs.find((each) => each.step === output.step);
    const found = [...outputDifferences(output, other), ...exchangeDifferences(output.step, left, right)];
    if (found.length > 0) lines.push(`== ${output.step}`, ...found);
  }
  return lines;
}

function outputDifferences(left: StepOutput, right: StepOutput | undefined): string[] {
  if (!right) return ["   not recorded"];
  const lines: string[] = [];
  if (left.exitCode !== right.exitCode) lines.push(`   exit ${left.exitCode} | ${right.exitCode}`);
  for (const stream of ["stdout", "stderr"] as const) {
    const a = printedLines(left[stream]);
    const b = printedLines(right[stream]);
    const onlyLeft = a.filter((line) => !b.includes(line));
    const onlyRight = b.filter((line) => !a.includes(line));
    lines.push(...onlyLeft.map((line) => `   < ${line}`), ...onlyRight.map((line) => `   > ${line}`));
  }
  return lines;
}

/** Widths of columns and ages depend on names and pace. */
function printedLines(text: string): string[] {
  return maskText(text)
    .split("\n")
    .map((line) =>
      line
        .replace(/\b(\d+[dhms])+\b/g, "<age>")
        .replace(/\s+/g, " ")
        .trim(),
    );
}

function exchangeDifferences(step: string, left: Recording, right: Recording): string[] {
  const a = lastByRequest(left.exchanges, step);
  const b = lastByRequest(right.exchanges, step);
  const lines: string[] = [];
  for (const [key, expected] of a) {
    const actual = b.get(key);
    if (!actual) lines.push(`   - ${key}`);
    else if (expected.status !== actual.status) {
      lines.push(`   ! ${key}: ${expected.status} ${JSON.stringify(expected.answer).slice(0, 300)}`);
      lines.push(`     instead ${actual.status} ${JSON.stringify(actual.answer).slice(0, 300)}`);
    } else if (!isWatch(expected)) {
      const found = compareAnswers(expected.answer, actual.answer).slice(0, 12);
      if (found.length > 0) lines.push(`   ~ ${key}`, ...found.map(differenceLine));
    }
  }
  for (const key of b.keys()) if (!a.has(key)) lines.push(`   + ${key}`);
  return lines;
}

export function differenceLine({ path, expected, actual }: Difference): string {
  const short = (value: Json) => (value === undefined ? "absent" : JSON.stringify(value).slice(0, 200));
  return `       ${path}: ${short(expected)} | ${short(actual)}`;
}

function lastByRequest(exchanges: readonly Exchange[], step: string): Map<string, Exchange> {
  const found = new Map<string, Exchange>();
  for (const each of exchanges) {
    if (each.step !== step || each.path === "/apis" || each.path === "/api") continue;
    const query = maskText(decodeURIComponent(each.query)).replace(/=\d{2,}/g, "=<n>");
    found.set(`${each.method} ${maskText(each.path)}${query}`, each);
  }
  return found;
}
