import { systemClock } from "../src/base/clock.ts";
import { VERSION } from "../src/base/version.ts";
import type { Command } from "../src/cli/command.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { OUTPUT_FLAG } from "../src/install/command-flags.ts";
import { valuesFromFlags } from "../src/install/install-flags.ts";
import { planPrune } from "../src/install/plan-prune.ts";
import { planUpgrade } from "../src/install/plan-upgrade.ts";
import { printObjects } from "../src/install/print-objects.ts";
import { readStored } from "../src/install/stored.ts";

export const command: Command = {
  name: "prune",
  summary: "print what an installation no longer needs, to delete it",
  description:
    "Compares what carries the installation's label with what this version would install with the same values. Prints nothing when there\n" +
    "are no leftovers. Run it after `meshctl upgrade`; changes nothing itself.",
  flags: [OUTPUT_FLAG],
  examples: [{ command: "meshctl prune | kubectl delete -f -", does: "remove leftovers after an upgrade" }],
  async run(options, _args, context) {
    const { console, globals } = context;
    const namespace = globals.meshctlNamespace;
    const cluster = await openCluster(context);
    try {
      const stored = await readStored(cluster, namespace);
      const values = await valuesFromFlags({
        version: VERSION,
        namespace,
        options: {},
        given: new Set(),
        stored: stored.overrides,
        readFile: () => Promise.reject(new Error("no file is named")),
      });
      const desired = await planUpgrade({
        values,
        parts: "all",
        stored,
        identity: { trustAnchorsPem: undefined, issuer: undefined },
        nowMs: systemClock.now(),
      });
      const leftovers = await planPrune(cluster, namespace, desired);
      console.stdout.write(printObjects(leftovers, options.output as "yaml" | "json"));
      return { exitCode: 0 };
    } finally {
      cluster.close();
    }
  },
};
