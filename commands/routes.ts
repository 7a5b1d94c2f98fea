import { MeshError } from "../src/base/error.ts";
import type { Command } from "../src/cli/command.ts";
import { parseOneSelection, parsePodsSelection } from "../src/collect/selector.ts";
import { EDGES_FORMATS, outputFlag } from "../src/views/live-flags.ts";
import { parseViewFormat } from "../src/views/mesh-view.ts";
import { routesData, routesTables } from "../src/views/route-tables.ts";
import { ROUTE_FLAGS, routeResource, showRouteStats } from "./route-stats.ts";

export const command: Command = {
  name: "routes",
  summary: "success rate, requests and latency by route",
  description:
    "By the routes of a Service: of its ServiceProfile, or HTTPRoutes and GRPCRoutes. Without --to, of what went to the resource, as its\n" +
    "clients' proxies saw it; with --to, of what it sent there. With --to and -o wide, EFFECTIVE is what the application saw, and ACTUAL\n" +
    "what its servers saw, retries included.",
  arguments: [routeResource(["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "svc", "ns"])],
  flags: [
    ...ROUTE_FLAGS,
    { name: "to", type: "string", placeholder: "RESOURCE", summary: "only what went to this resource" },
    { name: "to-namespace", type: "string", placeholder: "NAMESPACE", summary: "namespace of --to" },
    outputFlag(EDGES_FORMATS),
  ],
  examples: [
    { command: "meshctl routes svc/orders -n demo", does: "routes of a Service" },
    { command: "meshctl routes deploy/web --to svc/orders -n demo -o wide", does: "with what retries cost" },
  ],
  async run(options, args, context) {
    const selection = parsePodsSelection(args, "routes", ["namespace", "service"]);
    const format = parseViewFormat(options.output as string | undefined, EDGES_FORMATS);
    const to = options.to as string | undefined;
    const toNamespace = options.toNamespace as string | undefined;
    if (to === undefined && (format.kind === "wide" || toNamespace !== undefined)) {
      throw flags(
        `${toNamespace === undefined ? "-o wide" : "--to-namespace"} needs --to`,
        "add --to svc/NAME",
      );
    }
    if (to !== undefined && selection.kind.role === "service") {
      throw flags("a service sends no traffic, so --to has no source", "name the workload behind it");
    }
    const shape = { attempts: format.kind === "wide" || (to !== undefined && format.kind !== "table") };
    const peer = to === undefined ? undefined : parseOneSelection(to.trim().split(/\s+/));
    return showRouteStats({
      context,
      format,
      watch: options.watch === true,
      query(contextNamespace) {
        const namespace = (options.namespace as string | undefined) ?? contextNamespace;
        return {
          selection,
          side: peer === undefined ? "to" : "outbound",
          namespace,
          windowMs: options.timeWindow as number,
          to: peer && { selection: peer, namespace: toNamespace ?? namespace },
          labelSelector: options.selector as string | undefined,
        };
      },
      tables: (rows) => routesTables(selection.kind.short, rows, shape),
      data: (rows) => routesData(selection.kind.short, rows, shape),
    });
  },
};

function flags(message: string, hint: string): MeshError {
  return new MeshError({ kind: "usage", code: "ROUTES_FLAGS", message, hint });
}
