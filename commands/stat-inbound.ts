import type { Command } from "../src/cli/command.ts";
import { parsePodsSelection } from "../src/collect/selector.ts";
import { outputFlag, STAT_FORMATS } from "../src/views/live-flags.ts";
import { parseViewFormat } from "../src/views/mesh-view.ts";
import { inboundData, inboundTables } from "../src/views/route-tables.ts";
import { ROUTE_FLAGS, routeResource, showRouteStats } from "./route-stats.ts";

export const command: Command = {
  name: "stat-inbound",
  summary: "routes of what came in to a resource",
  description: "By Server and route, as the resource's own proxies saw it in the last minute.",
  arguments: [routeResource(["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "ns"])],
  flags: [...ROUTE_FLAGS, outputFlag(STAT_FORMATS)],
  examples: [{ command: "meshctl stat-inbound deploy/web -n demo", does: "of one deployment" }],
  async run(options, args, context) {
    const selection = parsePodsSelection(args, "stat-inbound", ["namespace"]);
    return showRouteStats({
      context,
      format: parseViewFormat(options.output as string | undefined, STAT_FORMATS),
      watch: options.watch === true,
      query: (contextNamespace) => ({
        selection,
        side: "inbound",
        namespace: (options.namespace as string | undefined) ?? contextNamespace,
        windowMs: options.timeWindow as number,
        labelSelector: options.selector as string | undefined,
      }),
      tables: inboundTables,
      data: inboundData,
    });
  },
};
