import type { Command } from "../src/cli/command.ts";
import { createFetch } from "../src/cli/fetch-url.ts";
import { createInputReader } from "../src/inject/file-reader.ts";
import { readInputs } from "../src/inject/read-inputs.ts";
import { renderUninjectReport } from "../src/inject/resource-report.ts";
import { FILES_ARGUMENT, printOutcome, REWRITE_FLAGS } from "../src/inject/rewrite-command.ts";
import { rewriteInputs } from "../src/inject/rewrite-inputs.ts";
import { createUninjector } from "../src/inject/uninject.ts";

export const command: Command = {
  name: "uninject",
  summary: "take workloads out of the mesh, in their manifests",
  description:
    "Takes out what `inject` puts in, from annotations to containers; what else is there keeps every byte.\n" +
    "Annotations config.meshctl.io/* and meshctl.io/inject: disabled stay.",
  arguments: [FILES_ARGUMENT],
  flags: [...REWRITE_FLAGS],
  examples: [
    {
      command: "kubectl get deploy -o yaml | meshctl uninject - | kubectl apply -f -",
      does: "take what is running out of the mesh",
    },
    { command: "meshctl uninject --dry-run app.yml", does: "see what would go" },
  ],
  async run(options, args, { console, cwd, env }) {
    const outcome = rewriteInputs({
      inputs: await readInputs(args, createInputReader(console.stdin, cwd, createFetch(env))),
      rewrite: createUninjector(),
      fullData: false,
      keepGoing: options.keepGoing === true,
    });
    return printOutcome(outcome, renderUninjectReport(outcome.reports), options, console);
  },
};
