import { systemClock } from "../src/base/clock.ts";
import { VERSION } from "../src/base/version.ts";
import type { CheckResult } from "../src/check/check.ts";
import { renderChecksJson, TableRenderer } from "../src/check/render.ts";
import { RetryLine } from "../src/check/retry-line.ts";
import { runChecks } from "../src/check/runner.ts";
import { selectCategories } from "../src/check/select.ts";
import type { Command } from "../src/cli/command.ts";
import type { KubeClient } from "../src/kube/client.ts";

export const command: Command = {
  name: "check",
  summary: "check the installation for problems",
  description:
    "Checks cluster, control plane, certificates and versions. Exits 1 if anything but a warning fails.",
  flags: [
    { name: "pre", type: "boolean", summary: "check whether one can install here" },
    { name: "crds", type: "boolean", summary: "check only the custom resource definitions" },
    { name: "proxy", type: "boolean", summary: "check the proxies too" },
    {
      name: "namespace",
      short: "n",
      type: "string",
      placeholder: "NAMESPACE",
      summary: "namespace of the proxies (default: all)",
    },
    {
      name: "wait",
      type: "duration",
      placeholder: "DURATION",
      summary: "how long to wait for what is starting",
      default: "5m",
    },
    {
      name: "expected-version",
      type: "string",
      placeholder: "VERSION",
      summary: "version that everything should have",
    },
    {
      name: "output",
      short: "o",
      type: "string",
      placeholder: "FORMAT",
      summary: "format",
      choices: ["table", "short", "json"],
      default: "table",
    },
  ],
  examples: [
    { command: "meshctl check", does: "check the control plane" },
    { command: "meshctl check --pre", does: "check whether one can install" },
    { command: "meshctl check --proxy -n demo --wait 0", does: "check the proxies of one namespace, now" },
  ],
  async run(options, _args, { console, globals, env, signal }) {
    const categories = selectCategories({
      pre: options.pre === true,
      crds: options.crds === true,
      proxy: options.proxy === true,
    });
    let client: Promise<KubeClient> | undefined;
    const connect = async () => {
      const { createKubeClient } = await import("../src/kube/connect.ts");
      const { kubeconfig, context, as, asGroup } = globals;
      return createKubeClient({ kubeconfig, context, as, asGroups: asGroup, env });
    };
    const results: CheckResult[] = [];
    const json = options.output === "json";
    const table = new TableRenderer({
      write: (text) => console.stdout.write(text),
      colors: console.stdout.hasColors,
      short: options.output === "short",
    });
    const waiting = new RetryLine(console.stderr);
    try {
      const success = await runChecks(categories, {
        inputs: {
          kube: () => (client ??= connect()),
          namespace: globals.meshctlNamespace,
          dataPlaneNamespace: options.namespace as string | undefined,
          cliVersion: VERSION,
          expectedVersion: options.expectedVersion as string | undefined,
          clock: systemClock,
        },
        waitMs: options.wait as number,
        signal,
        onResult(result) {
          waiting.clear();
          results.push(result);
          if (!json) table.result(result);
        },
        onRetry: (check, error) => waiting.show(check.label, error),
      });
      if (json) console.stdout.write(renderChecksJson(results, success));
      else table.end(success);
      return { exitCode: success ? 0 : 1 };
    } finally {
      waiting.clear();
      await client?.then(
        (kube) => kube.close(),
        () => {},
      );
    }
  },
};
