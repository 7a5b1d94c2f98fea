import { sleep, systemClock } from "../src/base/clock.ts";
import type { Command } from "../src/cli/command.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { findTapTargets, streamTap } from "../src/collect/tap.ts";
import { readTapLine } from "../src/collect/tap-query.ts";
import { TopTable } from "../src/observe/top-rows.ts";
import { indexPods } from "../src/observe/workload.ts";
import {
  NAMESPACE_FLAG,
  outputFlag,
  SELECTOR_FLAG,
  TAP_FILTER_FLAGS,
  TOP_FORMATS,
} from "../src/views/live-flags.ts";
import { parseViewFormat } from "../src/views/mesh-view.ts";
import { printOnce } from "../src/views/show-view.ts";
import { topData, topEnds, topTables } from "../src/views/top-cells.ts";

export const command: Command = {
  name: "top",
  summary: "the busiest requests, live",
  description:
    "Groups requests by who asked whom for what, from the proxies of the selected pods. Ids in paths are one: /users/:id. On a terminal\n" +
    "the table lives until q; elsewhere it is printed once, after it has listened for --for. Needs the permission pods/portforward.",
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
    { name: "hide-sources", type: "boolean", summary: "one row for all sources" },
    { name: "routes", type: "boolean", summary: "by route instead of by method and path" },
    {
      name: "raw-paths",
      type: "boolean",
      summary: "each path as it is, instead of one row for all ids in it; on a terminal, press g",
    },
    outputFlag(TOP_FORMATS),
    {
      name: "for",
      type: "duration",
      default: "5s",
      summary: "how long to listen where stdout is no terminal, or with --output",
    },
    SELECTOR_FLAG,
  ],
  examples: [
    { command: "meshctl top deploy/web -n demo", does: "a live table" },
    { command: "meshctl top ns/demo --for 10s | head", does: "ten seconds of a namespace, once" },
  ],
  async run(options, args, context) {
    const { console, signal } = context;
    const format = parseViewFormat(options.output as string | undefined, TOP_FORMATS);
    // A wrong line fails before a cluster is looked for.
    readTapLine(options, args, "default", false);
    const kube = await openCluster(context);
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    try {
      const query = readTapLine(options, args, kube.namespace, false);
      const keys = { hideSources: options.hideSources === true, routes: options.routes === true };
      const targets = await findTapTargets(kube, query, signal);
      const index = indexPods(targets.known);
      const table = new TopTable(keys);
      const live = console.stdout.isTty && format.kind === "table";
      let notice: string | undefined;
      const streams = streamTap(
        kube,
        targets,
        {
          onEvent: ({ pod, line }) => {
            const { source, destination } = topEnds(line.exchange, pod, index);
            table.add(line, source, destination);
          },
          onNotice: (text) => {
            notice = text;
            if (!live) console.stderr.write(`${text}\n`);
          },
        },
        either,
      );
      if (live) {
        // Streams that fail close the screen, so that their error is seen.
        const failed = new AbortController();
        streams.catch(() => failed.abort());
        const { showTopScreen } = await import("../src/views/top-screen.ts");
        await showTopScreen({
          console,
          signal: AbortSignal.any([signal, failed.signal]),
          keys,
          rawPaths: options.rawPaths === true,
          rows: (sort, paths) => table.rows(sort, paths),
          notice: () => notice,
          footer: `${targets.pods.length} ${targets.pods.length === 1 ? "proxy" : "proxies"} asked`,
          ended: streams,
        });
      } else {
        // The streams' sockets keep the process alive while it listens.
        const timeUp = sleep(systemClock, options.for as number, either).catch(() => {});
        await Promise.race([streams, timeUp]);
        const rows = table.rows("count", options.rawPaths === true ? "raw" : "grouped");
        const view = {
          tables: topTables(rows, keys),
          data: topData(rows, keys),
          empty: "No requests found.\n",
          notices: [],
        };
        printOnce(console, view, format);
      }
      stop.abort();
      await streams;
      return { exitCode: 0 };
    } finally {
      stop.abort();
      kube.close();
    }
  },
};
