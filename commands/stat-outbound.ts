import type { Command } from "../src/cli/command.ts";
import { parsePodsSelection } from "../src/collect/selector.ts";
import { outputFlag, STAT_FORMATS } from "../src/views/live-flags.ts";
import { parseViewFormat } from "../src/views/mesh-view.ts";
import { outboundData, outboundTables } from "../src/views/route-tables.ts";
import { ROUTE_FLAGS, routeResource, showRouteStats } from "./route-stats.ts";

export const command: Command = {
  name: "stat-outbound",
  summary: "routes of what a resource sent, and the backends they led to",
  description:
    "By Service and route, as the resource's own proxies saw it in the last minute. TIMEOUTS and RETRIES are shares of the requests.",
  arguments: [routeResource(["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "ns"])],
  flags: [...ROUTE_FLAGS, outputFlag(STAT_FORMATS)],
  examples: [{ command: "meshctl stat-outbound deploy/web -n demo", does: "of one deployment" }],
  async run(options, args, context) {
    const selection = parsePodsSelection(args, "stat-outbound", ["namespace"]);
    return showRouteStats({
      context,
      format: parseViewFormat(options.output as string | undefined, STAT_FORMATS),
      watch: options.watch === true,
      query: (contextNamespace) => ({
        selection,
        side: "outbound",
        namespace: (options.namespace as string | undefined) ?? contextNamespace,
        windowMs: options.timeWindow as number,
        labelSelector: options.selector as string | undefined,
      }),
      tables: outboundTables,
      data: outboundData,
    });
  },
};
