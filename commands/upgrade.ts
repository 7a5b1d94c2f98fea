import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import { systemClock } from "../src/base/clock.ts";
import type { KubeObject } from "../src/base/kube-object.ts";
import { VERSION } from "../src/base/version.ts";
import type { Command, CommandContext } from "../src/cli/command.ts";
import { createFetch } from "../src/cli/fetch-url.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { createInputReader } from "../src/inject/file-reader.ts";
import { readInputs } from "../src/inject/read-inputs.ts";
import { installationFlags } from "../src/install/command-flags.ts";
import { requireDefinitions } from "../src/install/existing.ts";
import { valuesFromFlags } from "../src/install/install-flags.ts";
import { readNewIdentity, readTextFrom } from "../src/install/install-inputs.ts";
import { planUpgrade, requireTrustedIssuer } from "../src/install/plan-upgrade.ts";
import { printObjects } from "../src/install/print-objects.ts";
import { readerOfObjects, readStored } from "../src/install/stored.ts";

export const command: Command = {
  name: "upgrade",
  summary: "print the manifests that change an installation",
  description:
    "Changes it to this version, or to other values. Starts from what the installation was asked for (Secret meshctl-config-overrides), so that defaults of this version take effect\n" +
    "and choices stay. Certificates are kept unless new ones are given. Changes nothing itself.",
  flags: [
    {
      name: "from-manifests",
      type: "string",
      placeholder: "FILE",
      summary:
        "read the installation from its manifests (file, directory, https URL or -), not from the cluster",
    },
    {
      name: "force",
      type: "boolean",
      summary: "also when running proxies do not trust the issuer, or definitions are missing",
    },
    ...installationFlags("upgrade"),
  ],
  examples: [
    { command: "meshctl upgrade | kubectl apply -f -", does: "to this version" },
    { command: "meshctl upgrade --set proxy.logLevel=debug | kubectl apply -f -", does: "change one value" },
    { command: "meshctl upgrade --from-manifests mesh.yaml > new.yaml", does: "without a cluster" },
  ],
  async run(options, _args, context, given) {
    const { console, cwd, env, globals } = context;
    const namespace = globals.meshctlNamespace;
    const readText = readTextFrom((name) => readFile(resolve(cwd, name), "utf8"), createFetch(env));
    const request = { version: VERSION, namespace, options, given, readFile: readText };
    // Before the cluster is asked: a wrong flag needs no cluster to be wrong.
    await valuesFromFlags(request);
    const identity = await readNewIdentity(options, readText);
    const parts = options.crds === true ? "crds" : options.skipCrds === true ? "control-plane" : "all";
    const fromManifests = options.fromManifests as string | undefined;
    const cluster = fromManifests === undefined ? await openCluster(context) : undefined;
    try {
      const reader = cluster ?? readerOfObjects(await readManifests(fromManifests!, context));
      const stored = await readStored(reader, namespace);
      if (cluster && options.force !== true) {
        await requireTrustedIssuer(cluster, { stored, identity }, namespace);
        if (parts === "control-plane") await requireDefinitions(cluster);
      }
      const values = await valuesFromFlags({ ...request, stored: stored.overrides });
      const objects = await planUpgrade({ values, parts, stored, identity, nowMs: systemClock.now() });
      console.stdout.write(printObjects(objects, options.output as "yaml" | "json"));
      if (!stored.hasOverrides) {
        console.stderr.write(
          "warning: there is no Secret meshctl-config-overrides, so every value that differs from this version's defaults is kept\n",
        );
      }
      if (identity.trustAnchorsPem !== undefined) {
        console.stderr.write(
          "‼ pods keep the trust anchors that they were injected with: give old and new anchors in one file, restart every meshed workload, and only then change the issuer\n",
        );
      }
      return { exitCode: 0 };
    } finally {
      cluster?.close();
    }
  },
};

async function readManifests(name: string, { console, cwd, env }: CommandContext): Promise<KubeObject[]> {
  const inputs = await readInputs([name], createInputReader(console.stdin, cwd, createFetch(env)));
  return inputs.flatMap(({ text }) =>
    parseAllDocuments(text)
      .map((document) => document.toJS() as KubeObject | null)
      .filter((object) => object !== null),
  );
}
