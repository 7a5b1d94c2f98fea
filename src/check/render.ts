import { HINT_PAGE } from "../base/error.ts";
import type { CheckOutcome, CheckResult } from "./check.ts";

const MARKS: Readonly<Record<CheckOutcome, { readonly symbol: string; readonly color: number }>> = {
  success: { symbol: "√", color: 32 },
  warning: { symbol: "‼", color: 33 },
  error: { symbol: "×", color: 31 },
};

/** Text of the results as they come (`table`), or only of those that need attention (`short`). */
export class TableRenderer {
  readonly #write: (text: string) => void;
  readonly #colors: boolean;
  readonly #short: boolean;
  #category: string | undefined;

  constructor(options: {
    readonly write: (text: string) => void;
    readonly colors: boolean;
    readonly short: boolean;
  }) {
    this.#write = options.write;
    this.#colors = options.colors;
    this.#short = options.short;
  }

  result(result: CheckResult): void {
    if (this.#short && result.outcome === "success") return;
    if (result.category !== this.#category) {
      if (this.#category !== undefined) this.#write("\n");
      this.#write(`${result.category}\n${"-".repeat(result.category.length)}\n`);
      this.#category = result.category;
    }
    this.#write(`${this.#mark(result.outcome)} ${result.label}\n`);
    if (result.error === undefined) return;
    const lines = result.error.trimEnd().split("\n");
    for (const line of lines) this.#write(`    ${line}\n`);
    this.#write(`    see ${hintOf(result)} for hints\n`);
  }

  end(success: boolean): void {
    if (this.#category !== undefined) this.#write("\n");
    this.#write(`Status check results are ${this.#mark(success ? "success" : "error")}\n`);
  }

  #mark(outcome: CheckOutcome): string {
    const { symbol, color } = MARKS[outcome];
    return this.#colors ? `\u001b[${color};1m${symbol}\u001b[0m` : symbol;
  }
}

function hintOf({ hint, anchor }: CheckResult): string {
  return hint ?? HINT_PAGE + anchor;
}

/** All results as one JSON document. */
export function renderChecksJson(results: readonly CheckResult[], success: boolean): string {
  const categories: { categoryName: string; checks: unknown[] }[] = [];
  for (const result of results) {
    let category = categories.at(-1);
    if (category?.categoryName !== result.category) {
      category = { categoryName: result.category, checks: [] };
      categories.push(category);
    }
    category.checks.push({
      description: result.label,
      ...(result.error === undefined ? {} : { hint: hintOf(result), error: result.error }),
      result: result.outcome,
    });
  }
  return `${JSON.stringify({ success, categories }, null, 2)}\n`;
}
