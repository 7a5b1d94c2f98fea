/**
 * `npm run fuzz`: random input for the codecs, without end in sight.
 *
 *   --runs N    runs of each target (default 200,000)
 *   --seed S    seed (default: of the clock); a failure prints it, with the path that leads to the smallest input
 *   --only TEXT targets whose name contains it
 *
 * The suite runs the same targets (test/conformance/fuzz) 20,000 times with one seed. What is found becomes a case in test/unit.
 */
import { parseArgs } from "node:util";
import { runTarget } from "../test/conformance/fuzz/target.ts";
import { FUZZ_TARGETS } from "../test/conformance/fuzz/targets.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    only: { type: "string", default: "" },
  },
});
const [runs, seed] = [Number(values.runs), Number(values.seed)];
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write("--runs and --seed take whole numbers\n");
  process.exitCode = 1;
} else {
  process.stdout.write(`seed ${seed}, ${runs} runs each\n`);
  for (const target of FUZZ_TARGETS.filter(({ name }) => name.includes(values.only))) {
    const fromMs = performance.now();
    try {
      runTarget(target, { seed, runs });
      process.stdout.write(
        `ok      ${target.name} (${((performance.now() - fromMs) / 1000).toFixed(1)} s)\n`,
      );
    } catch (error) {
      process.exitCode = 1;
      process.stdout.write(`FAILED  ${target.name}\n${error instanceof Error ? error.message : error}\n`);
    }
  }
}
