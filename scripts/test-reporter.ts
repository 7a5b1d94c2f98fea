/**
 * Reporter of `npm test`: one line a file, failures in full, skipped tests with their reason, and the runner's own summary.
 * Passing tests are counted, not listed.
 */
import { spec as Spec, type TestEvent } from "node:test/reporters";
import { ROOT } from "./source-files.ts";

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const spec = new Spec();
  for await (const event of source) {
    if (isWorthSaying(event)) {
      spec.write(event);
      for (let chunk = spec.read(); chunk !== null; chunk = spec.read()) yield String(chunk);
    }
    if (event.type === "test:summary" && event.data.file !== undefined) yield fileLine(event.data);
  }
  spec.end();
  for await (const chunk of spec) yield String(chunk);
}

function isWorthSaying({ type, data }: TestEvent): boolean {
  switch (type) {
    case "test:pass":
      return data.skip !== undefined || data.todo !== undefined;
    case "test:fail":
    case "test:diagnostic":
    case "test:stdout":
    case "test:stderr":
      return true;
    default:
      return false;
  }
}

function fileLine(summary: Extract<TestEvent, { type: "test:summary" }>["data"]): string {
  const { counts, duration_ms: durationMs, success } = summary;
  const path = summary.file!.startsWith(ROOT) ? summary.file!.slice(ROOT.length) : summary.file!;
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  const seconds = (durationMs / 1000).toFixed(1);
  return `${success ? "ok    " : "FAILED"} ${path} (${counts.passed} passed${skipped}, ${seconds} s)\n`;
}
