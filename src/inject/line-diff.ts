/** Lines around a change that are shown with it. */
const CONTEXT = 3;
/** How far ahead a line is looked for: a proxy with all its settings is 150 lines. */
const LOOK_AHEAD = 400;

interface Step {
  readonly sign: " " | "+" | "-";
  readonly line: string;
}

/**
 * Two texts as a unified diff, "" when they are equal. Made for insertions and removals of whole blocks: always right, and short for
 * those.
 */
export function unifiedDiff(name: string, before: string, after: string): string {
  if (before === after) return "";
  const steps = compare(toLines(before), toLines(after));
  const hunks = hunksOf(steps);
  return [`--- ${name}`, `+++ ${name} (rewritten)`, ...hunks].join("\n").concat("\n");
}

/** Without the empty line after the last line end. */
function toLines(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Walks both; where they differ, the nearer of "inserted until here" and "removed until here" wins. */
function compare(before: readonly string[], after: readonly string[]): Step[] {
  const steps: Step[] = [];
  let left = 0;
  let right = 0;
  while (left < before.length || right < after.length) {
    if (left < before.length && before[left] === after[right]) {
      steps.push({ sign: " ", line: before[left]! });
      left++;
      right++;
      continue;
    }
    const inserted = left < before.length ? distance(after, right, before[left]!) : after.length - right;
    const removed = right < after.length ? distance(before, left, after[right]!) : before.length - left;
    if (right < after.length && inserted <= removed && inserted < Number.POSITIVE_INFINITY) {
      for (let count = 0; count < inserted; count++) steps.push({ sign: "+", line: after[right++]! });
    } else if (left < before.length && removed < Number.POSITIVE_INFINITY) {
      for (let count = 0; count < removed; count++) steps.push({ sign: "-", line: before[left++]! });
    } else {
      if (left < before.length) steps.push({ sign: "-", line: before[left++]! });
      if (right < after.length) steps.push({ sign: "+", line: after[right++]! });
    }
  }
  return steps;
}

/** Lines from `from` to the first that is `wanted`; infinite when it is not near. */
function distance(lines: readonly string[], from: number, wanted: string): number {
  const end = Math.min(lines.length, from + LOOK_AHEAD);
  for (let at = from; at < end; at++) if (lines[at] === wanted) return at - from;
  return Number.POSITIVE_INFINITY;
}

function hunksOf(steps: readonly Step[]): string[] {
  const text: string[] = [];
  let beforeLine = 1;
  let afterLine = 1;
  let at = 0;
  while (at < steps.length) {
    const change = steps.findIndex(({ sign }, index) => index >= at && sign !== " ");
    if (change < 0) break;
    const start = Math.max(at, change - CONTEXT);
    let end = change + 1;
    // Changes whose contexts touch are one hunk.
    for (let index = end; index < Math.min(steps.length, end + 2 * CONTEXT); index++) {
      if (steps[index]!.sign !== " ") end = index + 1;
    }
    end = Math.min(steps.length, end + CONTEXT);
    const skipped = start - at;
    beforeLine += skipped;
    afterLine += skipped;
    const hunk = steps.slice(start, end);
    const removed = hunk.filter(({ sign }) => sign !== "+").length;
    const added = hunk.filter(({ sign }) => sign !== "-").length;
    text.push(`@@ -${beforeLine},${removed} +${afterLine},${added} @@`);
    for (const { sign, line } of hunk) text.push(`${sign}${line}`);
    beforeLine += removed;
    afterLine += added;
    at = end;
  }
  return text;
}
