/**
 * `npm run test:conformance`: the proxies against programs that others wrote: specification suites, servers and clients in use
 * everywhere, random bytes, and failures of real processes. What the machine lacks (Go, a server, root) is skipped with a line.
 *
 * Arguments are substrings of file names and narrow it down: `npm run test:conformance -- h2spec`.
 * docs/conformance.md says what runs and lists the exceptions.
 */
import { spawnSync } from "node:child_process";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { listFiles, ROOT } from "./source-files.ts";
import report from "./test-reporter.ts";

/** Building the Go programs for the first time is the longest step there is. */
const FILE_TIMEOUT_MS = 600_000;

const startMs = performance.now();
process.exitCode = await main(process.argv.slice(2));

async function main(filters: readonly string[]): Promise<number> {
  process.stdout.write("\n> node scripts/build.ts\n");
  const built = spawnSync(process.execPath, ["scripts/build.ts"], { cwd: ROOT, stdio: "inherit" });
  if (built.status !== 0) {
    process.stdout.write("the build failed: nothing to test\n");
    return 1;
  }
  const files = listFiles("test/conformance", ".test.ts").filter(
    (path) => filters.length === 0 || filters.some((filter) => path.includes(filter)),
  );
  if (files.length === 0) {
    process.stdout.write(`no file of test/conformance matches ${filters.join(", ")}\n`);
    return 1;
  }
  const stream = run({
    files: files.map((path) => `${ROOT}${path}`),
    concurrency: 2,
    timeout: FILE_TIMEOUT_MS,
    cwd: ROOT,
  });
  let failures = 0;
  stream.on("data", ({ type }: TestEvent) => {
    if (type === "test:fail") failures++;
  });
  for await (const text of stream.compose(report)) process.stdout.write(String(text));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  process.stdout.write(
    `\n${failures > 0 ? `${failures} failed` : "all passed"}: ${files.length} files, ${seconds} s in all\n`,
  );
  return failures > 0 ? 1 : 0;
}
