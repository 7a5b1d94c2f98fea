import type { Command } from "../src/cli/command.ts";
import { createFetch } from "../src/cli/fetch-url.ts";
import { createInputReader } from "../src/inject/file-reader.ts";
import { printStream } from "../src/inject/print-stream.ts";
import { readInputs } from "../src/inject/read-inputs.ts";
import { renderUninjectReport } from "../src/inject/resource-report.ts";
import { rewriteInputs } from "../src/inject/rewrite-inputs.ts";
import { createUninjector } from "../src/inject/uninject.ts";

export const command: Command = {
  name: "uninject",
  summary: "take workloads out of the mesh, in their manifests",
  description:
    "Takes out what `inject` puts in, from annotations to containers; what else is there keeps every byte.\n" +
    "Annotations config.meshctl.io/* and meshctl.io/inject: disabled stay.",
  arguments: [
    {
      name: "FILE",
      summary: "file, directory, https URL, or - for standard input",
      required: true,
      variadic: true,
    },
  ],
  flags: [
    {
      name: "keep-going",
      type: "boolean",
      summary: "rewrite what can be; what cannot stays as it is (exit code 1)",
    },
    {
      name: "output",
      short: "o",
      type: "string",
      placeholder: "FORMAT",
      summary: "yaml: the input's own form; json: one object a line",
      choices: ["yaml", "json"],
      default: "yaml",
    },
  ],
  examples: [
    {
      command: "kubectl get deploy -o yaml | meshctl uninject - | kubectl apply -f -",
      does: "take what is running out of the mesh",
    },
  ],
  async run(options, args, { console, cwd, env }) {
    const outcome = rewriteInputs({
      inputs: await readInputs(args, createInputReader(console.stdin, cwd, createFetch(env))),
      rewrite: createUninjector(),
      fullData: false,
      keepGoing: options.keepGoing === true,
    });
    console.stdout.write(await printStream(outcome.text, options.output as "yaml" | "json"));
    console.stderr.write(renderUninjectReport(outcome.reports));
    for (const failure of outcome.failures) console.stderr.write(`error: ${failure}\n`);
    return { exitCode: outcome.failures.length > 0 ? 1 : 0 };
  },
};
