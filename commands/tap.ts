import type { Command } from "../src/cli/command.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { findTapTargets, readTapRecords, streamTap } from "../src/collect/tap.ts";
import { parseTapQuery } from "../src/collect/tap-query.ts";
import { isHttp } from "../src/observe/outcome.ts";
import { indexPods } from "../src/observe/workload.ts";
import { NAMESPACE_FLAG, SELECTOR_FLAG, TAP_FILTER_FLAGS } from "../src/views/live-flags.ts";
import { parseTapFormat } from "../src/views/tap-format.ts";
import { TapPrinter } from "../src/views/tap-lines.ts";

export const command: Command = {
  name: "tap",
  summary: "requests as they happen",
  description:
    "Streams a line when a request arrives (req), its response starts (rsp) and ends (end), from the proxies of the selected pods,\n" +
    "until Ctrl-C. Needs the permission pods/portforward. Headers are shown with -o json only; credentials are always masked.",
  arguments: [
    {
      name: "resource",
      summary: "whose proxies to ask: TYPE/NAME or TYPE NAME",
      required: true,
      variadic: true,
      choices: ["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "ns"],
    },
  ],
  flags: [
    NAMESPACE_FLAG,
    ...TAP_FILTER_FLAGS,
    {
      name: "output",
      short: "o",
      type: "string",
      placeholder: "wide|json|jsonpath=PATH",
      summary: "format of the lines",
    },
    {
      name: "since",
      type: "duration",
      summary: "print what the proxies remember of so long ago, and end, instead of what comes",
    },
    SELECTOR_FLAG,
  ],
  examples: [
    { command: "meshctl tap deploy/web -n demo", does: "everything in and out of a deployment" },
    { command: "meshctl tap deploy/web -n demo --to svc/books --path /api", does: "calls to one service" },
    { command: "meshctl tap deploy/web -n demo --since 30s", does: "what went by already" },
    { command: "meshctl tap ns/demo -o jsonpath={.requestInitEvent.path}", does: "only the paths" },
  ],
  async run(options, args, context) {
    const { console, signal } = context;
    const format = parseTapFormat(options.output as string | undefined);
    const queryIn = (contextNamespace: string) =>
      parseTapQuery({
        args,
        namespace: options.namespace as string | undefined,
        contextNamespace,
        to: options.to as string | undefined,
        toNamespace: options.toNamespace as string | undefined,
        maxRps: options.maxRps as number,
        scheme: options.scheme as string | undefined,
        method: options.method as string | undefined,
        authority: options.authority as string | undefined,
        path: options.path as string | undefined,
        labelSelector: options.selector as string | undefined,
        headers: format.kind === "json" || format.kind === "jsonpath",
      });
    // A wrong line fails before a cluster is looked for.
    queryIn("default");
    const kube = await openCluster(context);
    try {
      const query = queryIn(kube.namespace);
      const targets = await findTapTargets(kube, query, signal);
      const printer = new TapPrinter(format, indexPods(targets.known));
      if (options.since !== undefined) {
        const { events, notices } = await readTapRecords(kube, targets, options.since as number, signal);
        for (const event of events) console.stdout.write(printer.print(event));
        for (const notice of notices) console.stderr.write(`${notice}\n`);
        return { exitCode: 0 };
      }
      let toldOpaque = false;
      await streamTap(
        kube,
        targets,
        {
          onEvent: (event) => {
            if (!isHttp(event.line.exchange.protocol) && !toldOpaque) {
              toldOpaque = true;
              console.stderr.write("opaque connections pass too: they have no requests to show\n");
            }
            const text = printer.print(event);
            if (text !== "") console.stdout.write(text);
          },
          onNotice: (text) => console.stderr.write(`${text}\n`),
        },
        signal,
      );
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
