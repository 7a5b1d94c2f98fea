import { systemClock } from "../src/base/clock.ts";
import { formatGoDuration } from "../src/base/duration.ts";
import { VERSION } from "../src/base/version.ts";
import type { CheckInputs, CheckResult } from "../src/check/check.ts";
import { checkExtensions } from "../src/check/extensions.ts";
import { type RememberingClient, rememberGets } from "../src/check/remember.ts";
import { renderChecksJson, TableRenderer } from "../src/check/render.ts";
import { RetryLine } from "../src/check/retry-line.ts";
import { runChecks } from "../src/check/runner.ts";
import { selectCategories } from "../src/check/select.ts";
import type { Command, GlobalOptions, Options } from "../src/cli/command.ts";
import { openCluster } from "../src/collect/open-cluster.ts";

export const command: Command = {
  name: "check",
  summary: "check the installation for problems",
  description:
    "Checks cluster, control plane, certificates and versions, then lets extensions check themselves. Exits 1 if anything but a warning fails.",
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
      name: "timeout",
      type: "duration",
      placeholder: "DURATION",
      summary: "how long one check may take before it counts as failed",
      default: "30s",
    },
    {
      name: "expected-version",
      type: "string",
      placeholder: "VERSION",
      summary: "version that everything should have",
    },
    {
      name: "cli-version-override",
      type: "string",
      placeholder: "VERSION",
      summary: "compare with this version instead of this program's",
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
  async run(options, _args, context, given) {
    const { console, globals, env, signal } = context;
    const categories = selectCategories({
      pre: options.pre === true,
      crds: options.crds === true,
      proxy: options.proxy === true,
    });
    let client: Promise<RememberingClient> | undefined;
    const connect = async () => rememberGets(await openCluster(context));
    let forget = (): void => {};
    const results: CheckResult[] = [];
    const json = options.output === "json";
    const table = new TableRenderer({
      write: (text) => console.stdout.write(text),
      colors: console.stdout.hasColors,
      short: options.output === "short",
    });
    const waiting = new RetryLine(console.stderr);
    try {
      const inputs: CheckInputs = {
        async kube() {
          const remembering = await (client ??= connect());
          forget = remembering.forget;
          return remembering.client;
        },
        forget: () => forget(),
        namespace: globals.meshctlNamespace,
        dataPlaneNamespace: options.namespace as string | undefined,
        cliVersion: (options.cliVersionOverride as string | undefined) ?? VERSION,
        expectedVersion: options.expectedVersion as string | undefined,
        clock: systemClock,
      };
      const onResult = (result: CheckResult): void => {
        waiting.clear();
        results.push(result);
        if (!json) table.result(result);
      };
      let success = await runChecks(categories, {
        inputs,
        waitMs: options.wait as number,
        attemptMs: options.timeout as number,
        signal,
        onResult,
        onRetry: (check, error) => waiting.show(check.label, error),
      });
      if (options.pre !== true && options.crds !== true && isReachable(results)) {
        const extensions = await checkExtensions({
          inputs,
          env,
          flags: extensionFlags(globals, options, given),
          timeoutMs: (options.wait as number) + (options.timeout as number),
          signal,
        });
        for (const result of extensions) onResult(result);
        if (extensions.some(({ outcome }) => outcome === "error")) success = false;
      }
      if (json) console.stdout.write(renderChecksJson(results, success));
      else table.end(success);
      return { exitCode: success ? 0 : 1 };
    } finally {
      waiting.clear();
      await client?.then(
        (remembering) => remembering.client.close(),
        () => {},
      );
    }
  },
};

/** A failed first category has said that there is no cluster; extensions would only say it again. */
function isReachable(results: readonly CheckResult[]): boolean {
  return !results.some(({ category, outcome }) => category === "kubernetes-api" && outcome === "error");
}

/** What the user said about cluster, namespace and time, for extensions. */
function extensionFlags(globals: GlobalOptions, options: Options, given: ReadonlySet<string>): string[] {
  const text = (name: string, value: string | undefined) =>
    value === undefined ? [] : [`--${name}=${value}`];
  return [
    ...text("api-addr", globals.apiAddr),
    ...text("context", globals.context),
    ...text("as", globals.as),
    ...globals.asGroup.map((group) => `--as-group=${group}`),
    ...text("kubeconfig", globals.kubeconfig),
    `--meshctl-namespace=${globals.meshctlNamespace}`,
    ...(globals.verbose ? ["--verbose=true"] : []),
    ...text("namespace", options.namespace as string | undefined),
    ...(options.proxy === true ? ["--proxy=true"] : []),
    ...(given.has("wait") ? [`--wait=${formatGoDuration(options.wait as number)}`] : []),
  ];
}
