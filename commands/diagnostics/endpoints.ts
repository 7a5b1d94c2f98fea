import { systemClock } from "../../src/base/clock.ts";
import type { Command } from "../../src/cli/command.ts";
import { collectEndpoints } from "../../src/collect/endpoints.ts";
import { openCluster } from "../../src/collect/open-cluster.ts";
import { endpointsView } from "../../src/views/endpoints-table.ts";
import { EDGES_FORMATS, outputFlag } from "../../src/views/live-flags.ts";
import { parseViewFormat } from "../../src/views/mesh-view.ts";
import { showView } from "../../src/views/show-view.ts";
import { DESTINATION_POD_FLAG, tokenFlag } from "./flags.ts";

export const command: Command = {
  name: "endpoints",
  summary: "endpoints of a Service, as proxies are told",
  description:
    "Asks the controller's discovery service, as a proxy does, and returns as soon as it has answered. Several names are asked one after\n" +
    "the other. -o wide adds the mesh identities.",
  arguments: [
    {
      name: "authority",
      summary: "name and port: web.demo.svc.cluster.local:8080",
      required: true,
      variadic: true,
    },
  ],
  flags: [outputFlag(EDGES_FORMATS), DESTINATION_POD_FLAG, tokenFlag("")],
  examples: [
    {
      command: "meshctl diagnostics endpoints web.demo.svc.cluster.local:8080",
      does: "pods that clients of a Service talk to",
    },
  ],
  async run(options, args, context) {
    const { console, globals, signal } = context;
    const format = parseViewFormat(options.output as string | undefined, EDGES_FORMATS);
    const kube = await openCluster(context);
    try {
      const collect = async (stop: AbortSignal) => {
        const rows = [];
        for (const authority of args) {
          const query = {
            authority,
            namespace: globals.meshctlNamespace,
            address: globals.apiAddr,
            pod: options.destinationPod as string | undefined,
            token: (options.token as string | undefined) ?? "",
          };
          rows.push(...(await collectEndpoints(kube, query, stop)));
        }
        return endpointsView(rows, { wide: format.kind === "wide" });
      };
      await showView({ console, signal, clock: systemClock, format, watch: false, collect });
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
