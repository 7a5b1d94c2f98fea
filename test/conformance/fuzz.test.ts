/** Random input for everything that reads bytes of strangers; `npm run fuzz` runs more of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runTarget } from "./fuzz/target.ts";
import { FUZZ_TARGETS } from "./fuzz/targets.ts";

const RUNS = 20_000;
/** The same in every run of the suite: what fails here fails for everybody. */
const SEED = 20_261_125;

for (const target of FUZZ_TARGETS) {
  test(`${target.name} (${RUNS} runs)`, () => {
    assert.doesNotThrow(() => runTarget(target, { seed: SEED, runs: RUNS }));
  });
}
