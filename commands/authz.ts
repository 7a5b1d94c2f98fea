import { systemClock } from "../src/base/clock.ts";
import type { Command } from "../src/cli/command.ts";
import { collectAuthorizations } from "../src/collect/authorizations.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { parsePodsSelection } from "../src/collect/selector.ts";
import { NAMESPACE_FLAG, outputFlag, PLAIN_FORMATS } from "../src/views/live-flags.ts";
import { type MeshView, parseViewFormat } from "../src/views/mesh-view.ts";
import { showView } from "../src/views/show-view.ts";

export const command: Command = {
  name: "authz",
  summary: "which authorizations hold for a resource",
  description:
    "Reads the policies, not the traffic: AuthorizationPolicies and ServerAuthorizations whose Server selects the resource's pods. `*` is\n" +
    "every route of the Server. What they let through, and refuse, shows `meshctl viz authz`.",
  arguments: [
    {
      name: "resource",
      summary: "TYPE/NAME or TYPE NAME",
      required: true,
      variadic: true,
      choices: ["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "ns"],
    },
  ],
  flags: [NAMESPACE_FLAG, outputFlag(PLAIN_FORMATS)],
  examples: [{ command: "meshctl authz deploy/web -n demo", does: "who may talk to web" }],
  async run(options, args, context) {
    const { console, signal } = context;
    const format = parseViewFormat(options.output as string | undefined, PLAIN_FORMATS);
    const selection = parsePodsSelection(args, "authz", ["namespace"]);
    const kube = await openCluster(context);
    try {
      const namespace = (options.namespace as string | undefined) ?? kube.namespace;
      const collect = async (stop: AbortSignal): Promise<MeshView> => {
        const { rows, notices } = await collectAuthorizations(kube, selection, namespace, stop);
        return {
          tables: rows.length === 0 ? [] : [tableOf(rows)],
          data: rows.map((row) => ({
            route: row.route,
            server: row.server,
            authorization_policy: row.authorizationPolicy,
            server_authorization: row.serverAuthorization,
          })),
          empty:
            "No authorizations found.\nno policy is about these pods: their default inbound policy decides\n",
          notices,
        };
      };
      await showView({ console, signal, clock: systemClock, format, watch: false, collect });
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};

function tableOf(rows: Awaited<ReturnType<typeof collectAuthorizations>>["rows"]) {
  const headers = ["ROUTE", "SERVER", "AUTHORIZATION_POLICY", "SERVER_AUTHORIZATION"];
  return {
    columns: headers.map((header) => ({ header, align: "left" }) as const),
    rows: rows.map((row) => [row.route, row.server, row.authorizationPolicy, row.serverAuthorization]),
  };
}
