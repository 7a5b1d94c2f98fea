import { MeshError } from "../src/base/error.ts";
import type { Command, Options } from "../src/cli/command.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { findTapTargets, readTapRecords, streamTap, type TapEvent } from "../src/collect/tap.ts";
import { readTapLine } from "../src/collect/tap-query.ts";
import { tapSinceThenFollow } from "../src/collect/tap-since.ts";
import { isHttp } from "../src/observe/outcome.ts";
import { indexPods } from "../src/observe/workload.ts";
import { NAMESPACE_FLAG, SELECTOR_FLAG, TAP_FILTER_FLAGS } from "../src/views/live-flags.ts";
import { COLUMN_NAMES, checkColumns, TapColumns } from "../src/views/tap-columns.ts";
import { parseTapFormat } from "../src/views/tap-format.ts";
import { TapPrinter } from "../src/views/tap-lines.ts";

export const command: Command = {
  name: "tap",
  summary: "requests as they happen",
  description:
    "Streams a line when a request arrives (req), its response starts (rsp) and ends (end), from the proxies of the selected pods,\n" +
    "until Ctrl-C. Needs the permission pods/portforward. Credentials in headers are always masked.",
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
      summary: "first what the proxies remember of so long ago",
    },
    {
      name: "no-follow",
      type: "boolean",
      summary: "with --since: end after what is remembered, instead of going on with what comes",
    },
    {
      name: "columns",
      type: "list",
      placeholder: "NAMES",
      summary: `a line for each request when it has ended, with these columns: ${COLUMN_NAMES.join(", ")}`,
    },
    {
      name: "headers",
      type: "boolean",
      summary: "headers below their lines, credentials masked (-o json has them always)",
    },
    SELECTOR_FLAG,
  ],
  examples: [
    { command: "meshctl tap deploy/web -n demo", does: "everything in and out of a deployment" },
    { command: "meshctl tap deploy/web -n demo --to svc/books --path /api", does: "calls to one service" },
    { command: "meshctl tap deploy/web -n demo --since 2m --status 5xx", does: "what failed, and what will" },
    {
      command: "meshctl tap ns/demo --since 5m --no-follow --columns time,src,dst,path,status,latency",
      does: "a table of what went by",
    },
    { command: "meshctl tap ns/demo -o jsonpath={.requestInitEvent.path}", does: "only the paths" },
  ],
  async run(options, args, context) {
    const { console, signal } = context;
    const format = parseTapFormat(options.output as string | undefined);
    const columns = options.columns as readonly string[] | undefined;
    checkTapFlags(options);
    if (columns) checkColumns(columns);
    const withHeaders = options.headers === true || format.kind === "json" || format.kind === "jsonpath";
    // A wrong line fails before a cluster is looked for.
    readTapLine(options, args, "default", withHeaders);
    const kube = await openCluster(context);
    try {
      const query = readTapLine(options, args, kube.namespace, withHeaders);
      const targets = await findTapTargets(kube, query, signal);
      const index = indexPods(targets.known);
      const printer = columns
        ? new TapColumns(columns, index)
        : new TapPrinter(format, index, { colors: console.stdout.hasColors });
      let toldOpaque = false;
      const handlers = {
        onEvent(event: TapEvent): void {
          if (!isHttp(event.line.exchange.protocol) && !toldOpaque) {
            toldOpaque = true;
            console.stderr.write("opaque connections pass too: they have no requests to show\n");
          }
          const text = printer.print(event);
          if (text !== "") console.stdout.write(text);
        },
        onNotice: (text: string) => console.stderr.write(`${text}\n`),
      };
      const sinceMs = options.since as number | undefined;
      if (sinceMs === undefined) await streamTap(kube, targets, handlers, signal);
      else if (options.noFollow === true) {
        const { events, notices } = await readTapRecords(kube, targets, sinceMs, signal);
        for (const event of events) handlers.onEvent(event);
        for (const notice of notices) handlers.onNotice(notice);
      } else await tapSinceThenFollow(kube, targets, sinceMs, handlers, signal);
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};

/** @throws MeshError `TAP_FLAGS` */
function checkTapFlags(options: Options): void {
  const fail = (message: string, hint: string): never => {
    throw new MeshError({ kind: "usage", code: "TAP_FLAGS", message, hint });
  };
  if (options.noFollow === true && options.since === undefined) {
    fail("--no-follow needs --since: without it there is only what comes", "add --since 1m");
  }
  if (options.noFollow === true && options.headers === true) {
    fail(
      "--no-follow and --headers exclude each other: proxies remember no headers",
      "leave out one of them",
    );
  }
  if (options.columns !== undefined && (options.output !== undefined || options.headers === true)) {
    fail(
      "--columns is a format of its own",
      `leave out ${options.headers === true ? "--headers" : "--output"}`,
    );
  }
}
