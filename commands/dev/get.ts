import type { Command } from "../../src/cli/command.ts";
import { resourcePath } from "../../src/kube/resource-path.ts";
import { type KubeTable, renderKubeTable, TABLE_ACCEPT } from "../../src/local/render-table.ts";
import { ResourceFinder } from "../../src/local/resource-finder.ts";
import { DIR_FLAG, kindAndName, NAMESPACE_FLAG, openDevCluster } from "./dev-cluster.ts";

export const command: Command = {
  name: "get",
  summary: "show objects",
  arguments: [
    { name: "kind", summary: "pods, deploy, svc, ...", required: true },
    { name: "name", summary: "one object", required: false },
  ],
  flags: [
    NAMESPACE_FLAG,
    { name: "all-namespaces", short: "A", type: "boolean", summary: "objects of every namespace" },
    {
      name: "output",
      short: "o",
      type: "string",
      placeholder: "FORMAT",
      choices: ["table", "wide", "json", "yaml"],
      default: "table",
      summary: "format",
    },
    {
      name: "selector",
      short: "l",
      type: "string",
      placeholder: "LABELS",
      summary: "only objects with these labels",
    },
    DIR_FLAG,
  ],
  examples: [
    { command: "meshctl dev get pods -A", does: "every pod" },
    { command: "meshctl dev get deploy web -n demo -o yaml", does: "one object, whole" },
  ],
  async run(options, args, context) {
    const [kind, name] = kindAndName(args) as readonly [string, string | undefined];
    const client = await openDevCluster(options, context);
    try {
      const resource = await new ResourceFinder(client).byWord(kind);
      const isEverywhere = options.allNamespaces === true;
      const namespace = (options.namespace as string | undefined) ?? client.namespace;
      const scope = resource.namespaced && !isEverywhere ? namespace : undefined;
      const path = `${resourcePath(resource, scope)}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
      const query = { labelSelector: options.selector as string | undefined };
      const { stdout, stderr } = context.console;
      if (options.output === "json" || options.output === "yaml") {
        const object = await client.request("GET", path, { query });
        if (options.output === "json") stdout.write(`${JSON.stringify(object, null, 2)}\n`);
        else stdout.write((await import("yaml")).stringify(object));
        return { exitCode: 0 };
      }
      const table = await client.request<KubeTable>("GET", path, { query, accept: TABLE_ACCEPT });
      if ((table.rows ?? []).length === 0) {
        stderr.write(`no ${resource.plural}${scope === undefined ? "" : ` in namespace ${scope}`}\n`);
        return { exitCode: 0 };
      }
      const withNamespace = isEverywhere && resource.namespaced;
      stdout.write(renderKubeTable(table, { wide: options.output === "wide", withNamespace }));
    } finally {
      client.close();
    }
    return { exitCode: 0 };
  },
};
