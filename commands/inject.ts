import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { MeshError } from "../src/base/error.ts";
import { VERSION } from "../src/base/version.ts";
import type { Command, CommandContext, Options } from "../src/cli/command.ts";
import { createFetch } from "../src/cli/fetch-url.ts";
import { createInjector } from "../src/inject/annotate.ts";
import { readInstalledValues } from "../src/inject/base-values.ts";
import { createInputReader } from "../src/inject/file-reader.ts";
import { INJECT_ONLY_FLAGS, needsBaseValues, overrideAnnotations } from "../src/inject/inject-flags.ts";
import { readInputs } from "../src/inject/read-inputs.ts";
import { renderInjectReport } from "../src/inject/resource-report.ts";
import { FILES_ARGUMENT, printOutcome, REWRITE_FLAGS } from "../src/inject/rewrite-command.ts";
import { rewriteInputs } from "../src/inject/rewrite-inputs.ts";
import { defaultValues } from "../src/values/defaults.ts";
import { PROXY_FLAGS } from "../src/values/proxy-flags.ts";
import type { Values } from "../src/values/values.ts";

export const command: Command = {
  name: "inject",
  summary: "add workloads to the mesh, in their manifests",
  description:
    "Inserts the annotation that asks for a proxy into every workload of the input; what is there keeps every byte.\n" +
    "The cluster is asked only when a flag's effect depends on how the mesh is configured there.",
  arguments: [FILES_ARGUMENT],
  flags: [
    {
      name: "manual",
      type: "boolean",
      summary: "put the proxy itself into the manifest, instead of asking for it",
    },
    { name: "ingress", type: "boolean", summary: "ask for a proxy in ingress mode" },
    {
      name: "ignore-cluster",
      type: "boolean",
      summary: "go by the defaults, not by the cluster's configuration",
    },
    {
      name: "values",
      short: "f",
      type: "string",
      placeholder: "FILE",
      summary: "go by the values in this file, not by the cluster's",
    },
    ...[...PROXY_FLAGS, ...INJECT_ONLY_FLAGS].map(({ flag }) => flag),
    ...REWRITE_FLAGS,
  ],
  examples: [
    { command: "meshctl inject --dry-run app.yml", does: "see what would change" },
    { command: "meshctl inject app.yml | kubectl apply -f -", does: "add an application to the mesh" },
    {
      command: "kubectl get deploy -o yaml | meshctl inject - | kubectl apply -f -",
      does: "add what is running already",
    },
    {
      command: "meshctl inject --opaque-ports 3306 db/ | kubectl apply -f -",
      does: "a whole directory, with an opaque port",
    },
  ],
  async run(options, args, context, given) {
    const { console, cwd, env, globals } = context;
    const inputs = await readInputs(args, createInputReader(console.stdin, cwd, createFetch(env)));
    const manual = options.manual === true;
    const values = await baseValues(options, context, manual || needsBaseValues(given));
    if (manual && values.identityTrustAnchorsPem === "") {
      throw new MeshError({
        kind: "usage",
        code: "INJECT_NO_ANCHORS",
        message:
          "--manual builds the proxy here, and without the installation's trust anchors it could trust nobody",
        hint: "leave out --ignore-cluster, or give the installation's values with --values FILE",
      });
    }
    const outcome = rewriteInputs({
      inputs,
      rewrite: createInjector({
        inject: options.ingress === true ? "ingress" : "enabled",
        overrides: overrideAnnotations(values, options, given),
        manual: manual ? values : undefined,
      }),
      fullData: manual,
      keepGoing: options.keepGoing === true,
    });
    const { verbose } = globals;
    const report = renderInjectReport(outcome.reports, { verbose, colors: console.stderr.hasColors });
    return printOutcome(outcome, report, options, console);
  },
};

async function baseValues(options: Options, context: CommandContext, matter: boolean): Promise<Values> {
  const { globals, env, cwd } = context;
  if (typeof options.values === "string") {
    const { valuesFromYaml } = await import("../src/values/yaml.ts");
    const { readTextFrom } = await import("../src/install/install-inputs.ts");
    const readText = readTextFrom((name) => readFile(resolve(cwd, name), "utf8"), createFetch(env));
    return valuesFromYaml(await readText(options.values), options.values);
  }
  if (!matter || options.ignoreCluster === true) {
    return { ...defaultValues(VERSION), namespace: globals.meshctlNamespace };
  }
  return readInstalledValues(async () => {
    const { createKubeClient } = await import("../src/kube/connect.ts");
    const { kubeconfig, context: name, as, asGroup } = globals;
    return createKubeClient({ kubeconfig, context: name, as, asGroups: asGroup, env });
  }, globals.meshctlNamespace);
}
