import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { VERSION } from "../src/base/version.ts";
import type { Command } from "../src/cli/command.ts";
import { createFetch } from "../src/cli/fetch-url.ts";
import { openCluster as connect } from "../src/collect/open-cluster.ts";
import { installationFlags } from "../src/install/command-flags.ts";
import { type ValuesRequest, valuesFromFlags } from "../src/install/install-flags.ts";
import { openCluster, readIdentityFiles, readTextFrom } from "../src/install/install-inputs.ts";
import { planInstall } from "../src/install/plan-install.ts";
import { printObjects } from "../src/install/print-objects.ts";
import { LOCAL_VALUES } from "../src/values/local.ts";

export const command: Command = {
  name: "install",
  summary: "print the manifests of an installation",
  description:
    "Prints custom resource definitions and control plane, in the order to apply them; changes nothing itself.\n" +
    "A trust anchor is generated unless one is given. An existing installation is refused. In a cluster of `meshctl dev` the\n" +
    "values that it needs (proxy.capture=explicit, clusterNetworks=127.0.0.0/8) are the defaults.",
  flags: [
    {
      name: "ignore-cluster",
      type: "boolean",
      summary: "do not ask the cluster whether something is installed",
    },
    {
      name: "identity-external-issuer",
      type: "boolean",
      summary: "use the Secret meshctl-identity-issuer that the cluster has",
    },
    ...installationFlags("install"),
  ],
  examples: [
    { command: "meshctl install | kubectl apply -f -", does: "install" },
    {
      command: "meshctl install --set proxy.logLevel=debug | kubectl apply -f -",
      does: "install with chatty proxies",
    },
    { command: "meshctl install --ha | kubectl apply -f -", does: "install for production" },
    {
      command: "meshctl install --ignore-cluster > mesh.yaml",
      does: "write the manifests without a cluster",
    },
  ],
  async run(options, _args, context, given) {
    const readText = readTextFrom(
      (name) => readFile(resolve(context.cwd, name), "utf8"),
      createFetch(context.env),
    );
    const request: ValuesRequest = {
      version: VERSION,
      namespace: context.globals.meshctlNamespace,
      options,
      given,
      readFile: readText,
    };
    // Before the cluster is asked: a wrong flag needs no cluster to be wrong.
    let values = await valuesFromFlags(request);
    const identity = await readIdentityFiles(options, readText);
    const { local, ...cluster } = await openCluster(options, values.namespace, () => connect(context));
    if (local) values = await valuesFromFlags({ ...request, suited: LOCAL_VALUES });
    const objects = await planInstall({
      values,
      parts: options.crds === true ? "crds" : options.skipCrds === true ? "control-plane" : "all",
      ...(identity === undefined ? {} : { identity }),
      ...cluster,
      nowMs: systemClock.now(),
    });
    context.console.stdout.write(printObjects(objects, options.output as "yaml" | "json"));
    return { exitCode: 0 };
  },
};
