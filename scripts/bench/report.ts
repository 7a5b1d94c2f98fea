import type { Contestant } from "./contestants.ts";
import type { Measured, Work } from "./works.ts";

/** What all runs of a work found, by contestant. */
export type Runs = ReadonlyMap<string, readonly Measured[]>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Medians of the ratios of runs that were neighbours in time: what slows the machine down slows both. */
export function ratioOf(runs: Runs, name: string, peer: string): number {
  const [own, others] = [runs.get(name)!, runs.get(peer)!];
  return median(own.map(({ value }, index) => value / others[index]!.value));
}

/** The row of a work as Markdown cells. */
export function rowOf(work: Work, runs: Runs, contestants: readonly Contestant[]): string[] {
  const peer = contestants.find(({ name }) => name === "haproxy");
  const cells = [work.title, work.unit];
  for (const { name } of contestants) cells.push(cell(runs.get(name)!));
  for (const { name } of contestants) {
    if (!peer || name === peer.name) continue;
    const ratio = ratioOf(runs, name, peer.name);
    cells.push(Number.isFinite(ratio) ? ratio.toFixed(2) : "-");
  }
  cells.push(goalText(work));
  return cells;
}

/** For a work as it goes: sides and notes of each contestant's median run. */
export function detailsOf(runs: Runs): string[] {
  return [...runs].map(([name, measured]) => {
    const middle = median(measured.map(({ value }) => value));
    const typical = measured.reduce((best, each) =>
      Math.abs(each.value - middle) < Math.abs(best.value - middle) ? each : best,
    );
    const sides = typical.sides
      ? `outbound ${figure(typical.sides[0])}, inbound ${figure(typical.sides[1])}`
      : "";
    return `${name.padEnd(10)} ${[cell(measured), sides, ...typical.notes].filter(Boolean).join("; ")}`;
  });
}

export function tableOf(rows: readonly (readonly string[])[], contestants: readonly Contestant[]): string {
  const names = contestants.map(({ name }) => name);
  const head = [
    "work",
    "unit",
    ...names,
    ...names
      .filter((name) => name !== "haproxy" && names.includes("haproxy"))
      .map((name) => `${name} / haproxy`),
    "goal",
  ];
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cell(measured: readonly Measured[]): string {
  const values = measured.map(({ value }) => value);
  if (values.length === 1) return figure(values[0]!);
  return `${figure(median(values))} (${figure(Math.min(...values))}-${figure(Math.max(...values))})`;
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function goalText({ goal, isMoreBetter, unit }: Work): string {
  if (goal?.ratio !== undefined) return `ratio ${isMoreBetter ? ">=" : "<="} ${goal.ratio}`;
  return goal?.value === undefined ? "reported" : `<= ${goal.value} ${unit}`;
}
