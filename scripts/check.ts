/** `npm run check`: types, lint and format, import directions, process budgets, tidiness. Every step runs; any failure fails. */
import { spawnSync } from "node:child_process";
import { ROOT } from "./source-files.ts";

const BIN = `${ROOT}node_modules/.bin/`;
// The tools' own launchers look for `node`: the project's, whatever stands first on the PATH.
const env = { ...process.env, PATH: `${BIN}:${process.env.PATH ?? ""}` };

const STEPS: readonly {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}[] = [
  { name: "types", command: `${BIN}tsc`, args: ["--noEmit"] },
  { name: "lint and format", command: `${BIN}biome`, args: ["check", "--log-level=warn"] },
  { name: "import directions", command: process.execPath, args: ["scripts/check-imports.ts"] },
  { name: "process budgets", command: process.execPath, args: ["scripts/check-budgets.ts"] },
  {
    name: "tidiness",
    command: process.execPath,
    args: ["--test", "--test-reporter=./scripts/test-reporter.ts", "test/tidy.test.ts"],
  },
];

let failed = 0;
for (const { name, command, args } of STEPS) {
  const startMs = performance.now();
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", env });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const ok = status === 0;
  if (!ok) failed++;
  process.stdout.write(
    `${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)${error ? `: ${error.message}` : ""}\n`,
  );
}
process.exitCode = failed > 0 ? 1 : 0;
