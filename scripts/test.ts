/**
 * `npm test`: build, check, then every test by node's runner: unit, golden and tidy first, integration next, end to end last.
 * One run, one summary. Arguments are substrings of test paths and narrow it down: `npm test -- unit/wire`.
 */
import { spawnSync } from "node:child_process";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { listFiles, ROOT } from "./source-files.ts";
import report from "./test-reporter.ts";

const FILE_TIMEOUT_MS = 240_000;
/** Nothing heard for so long: a file's tests have timed out and its process still lives, which the runner would wait for. */
const SILENCE_MS = FILE_TIMEOUT_MS + 60_000;
const startMs = performance.now();
// `npm run` puts the project's own Node first on the PATH, and this file runs in it; children take the same one.
const steps = ["scripts/build.ts", "scripts/check.ts"].map((script) => {
  process.stdout.write(`\n> node ${script}\n`);
  return spawnSync(process.execPath, [script], { cwd: ROOT, stdio: "inherit" }).status === 0;
});
if (!steps[0]) {
  process.stdout.write("the build failed: nothing to test\n");
  process.exitCode = 1;
} else {
  process.stdout.write("\n> node --test\n");
  if (!steps[1]) process.exitCode = 1;
  runTests(process.argv.slice(2), steps[1] === true);
}

function runTests(filters: readonly string[], checked: boolean): void {
  const order = ["test/unit/", "test/golden/", "test/integration/", "test/e2e/"];
  const rank = (path: string) => order.findIndex((folder) => path.startsWith(folder));
  const files = listFiles("test", ".test.ts")
    // `check` ran it already.
    .filter((path) => path !== "test/tidy.test.ts" && !/^test\/(cluster|conformance)\//.test(path))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort((left, right) => rank(left) - rank(right) || (left < right ? -1 : 1));
  const running = new Set<string>();
  const stopping = new AbortController();
  const watchdog = setTimeout(() => {
    process.stdout.write(`\nnothing heard for ${SILENCE_MS / 1000} s; stopped: ${[...running].join(", ")}\n`);
    failures++;
    stopping.abort();
  }, SILENCE_MS);
  const stream = run({
    files: files.map((path) => `${ROOT}${path}`),
    concurrency: 2,
    // A file that hangs is a failure with a name, not a run that never ends.
    timeout: FILE_TIMEOUT_MS,
    signal: stopping.signal,
    cwd: fileURLToPath(new URL("../", import.meta.url)),
  });
  let failures = 0;
  stream.on("data", ({ type, data }: TestEvent) => {
    watchdog.refresh();
    if (type === "test:dequeue" && data.nesting === 0 && data.file === data.name) running.add(data.name);
    if (type === "test:summary" && data.file !== undefined) running.delete(data.file);
  });
  stream.on("test:fail", (data) => {
    if (data.todo === undefined) failures++;
  });
  stream
    .compose(report)
    .on("data", (text: string) => process.stdout.write(text))
    .on("end", () => {
      clearTimeout(watchdog);
      const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
      const verdict =
        failures > 0
          ? `${failures} failed`
          : checked
            ? "all passed"
            : "the tests passed, but the check failed";
      process.stdout.write(`\n${verdict}: ${files.length} files, ${seconds} s in all\n`);
      if (failures > 0) process.exitCode = 1;
    });
}
