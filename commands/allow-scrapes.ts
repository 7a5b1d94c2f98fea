import { MeshError } from "../src/base/error.ts";
import { VERSION } from "../src/base/version.ts";
import type { Command } from "../src/cli/command.ts";
import { OUTPUT_FLAG } from "../src/install/command-flags.ts";
import { printObjects } from "../src/install/print-objects.ts";
import { scrapePolicies } from "../src/install/scrape-policies.ts";

export const command: Command = {
  name: "allow-scrapes",
  summary: "print policies that let Prometheus scrape the proxies of a namespace",
  description:
    "Needed only where Servers select the proxies' admin port: without one it is open whatever the pods' default policy. Changes nothing\n" +
    "itself and asks no cluster.",
  flags: [
    {
      name: "namespace",
      short: "n",
      type: "string",
      placeholder: "NAMESPACE",
      summary: "namespace of the proxies; required",
    },
    {
      name: "service-account",
      type: "string",
      placeholder: "NAMESPACE/NAME",
      summary: "who may scrape: a meshed Prometheus (default: whoever reaches the port)",
    },
    OUTPUT_FLAG,
  ],
  examples: [
    { command: "meshctl allow-scrapes -n demo | kubectl apply -f -", does: "for one namespace" },
    {
      command: "meshctl allow-scrapes -n demo --service-account monitoring/prometheus",
      does: "for a Prometheus with a proxy",
    },
  ],
  async run(options, _args, { console }) {
    const namespace = options.namespace as string | undefined;
    if (namespace === undefined) {
      throw new MeshError({
        kind: "usage",
        code: "SCRAPES_NO_NAMESPACE",
        message: "policies belong to a namespace, and none is named",
        hint: "add --namespace",
      });
    }
    const account = readAccount(options.serviceAccount as string | undefined);
    const objects = scrapePolicies(namespace, `meshctl/cli ${VERSION}`, account);
    console.stdout.write(printObjects(objects, options.output as "yaml" | "json"));
    return { exitCode: 0 };
  },
};

function readAccount(text: string | undefined) {
  if (text === undefined) return undefined;
  const [namespace, name, ...rest] = text.split("/");
  if (namespace && name && rest.length === 0) return { namespace, name };
  throw new MeshError({
    kind: "usage",
    code: "SCRAPES_ACCOUNT",
    message: `"${text}" names no ServiceAccount`,
    hint: "write --service-account NAMESPACE/NAME",
  });
}
