import type { Command } from "../../src/cli/command.ts";
import { applyManifests } from "../../src/local/apply-manifests.ts";
import {
  DIR_FLAG,
  FILENAME_FLAG,
  NAMESPACE_FLAG,
  noFile,
  openDevCluster,
  readManifests,
} from "./dev-cluster.ts";

export const command: Command = {
  name: "apply",
  summary: "create or change the objects of a manifest",
  description:
    "What `kubectl apply` does, for people without kubectl: creates what is missing, merges what exists, and removes what the\n" +
    "manifest had when it was last applied and has no more. Lists are replaced as a whole, where kubectl merges some by key.",
  flags: [FILENAME_FLAG, NAMESPACE_FLAG, DIR_FLAG],
  examples: [
    { command: "meshctl dev apply -f app.yaml", does: "apply a file" },
    { command: "meshctl inject app.yaml | meshctl dev apply -f -", does: "apply with a proxy in every pod" },
  ],
  async run(options, _args, context) {
    const inputs = await readManifests(options, context);
    if (inputs.length === 0) throw noFile("apply");
    const client = await openDevCluster(options, context);
    try {
      for (const { file, text } of inputs) {
        await applyManifests(client, text, {
          file,
          ...(options.namespace === undefined ? {} : { namespace: options.namespace as string }),
          onApplied: ({ name, action }) => context.console.stdout.write(`${name} ${action}\n`),
        });
      }
    } finally {
      client.close();
    }
    return { exitCode: 0 };
  },
};
