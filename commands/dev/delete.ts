import { MeshError } from "../../src/base/error.ts";
import type { Command } from "../../src/cli/command.ts";
import { resourcePath } from "../../src/kube/resource-path.ts";
import { deleteManifests, displayName } from "../../src/local/apply-manifests.ts";
import { ResourceFinder } from "../../src/local/resource-finder.ts";
import {
  DIR_FLAG,
  FILENAME_FLAG,
  kindAndName,
  NAMESPACE_FLAG,
  noFile,
  openDevCluster,
  readManifests,
} from "./dev-cluster.ts";

export const command: Command = {
  name: "delete",
  summary: "delete the objects of a manifest, or one by name",
  arguments: [
    { name: "kind", summary: "pod, deploy, svc, ...", required: false },
    { name: "name", summary: "which", required: false },
  ],
  flags: [FILENAME_FLAG, NAMESPACE_FLAG, DIR_FLAG],
  examples: [
    { command: "meshctl dev delete -f app.yaml", does: "what a manifest made" },
    { command: "meshctl dev delete pod web-1 -n demo", does: "one pod" },
  ],
  async run(options, args, context) {
    const [kind, name] = kindAndName(args);
    if (options.filename === undefined && kind === undefined) throw noFile("delete");
    if (kind !== undefined && name === undefined) {
      throw new MeshError({
        kind: "usage",
        code: "DEV_NO_NAME",
        message: `which ${kind}? One object is deleted at a time`,
        hint: `meshctl dev delete ${kind} NAME; meshctl dev get ${kind} shows the names`,
      });
    }
    const namespace = options.namespace as string | undefined;
    const inputs = await readManifests(options, context);
    const client = await openDevCluster(options, context);
    const { stdout, stderr } = context.console;
    try {
      for (const { file, text } of inputs) {
        const { deleted, missing } = await deleteManifests(client, text, {
          file,
          ...(namespace === undefined ? {} : { namespace }),
        });
        for (const each of deleted) stdout.write(`${each} deleted\n`);
        for (const each of missing) stderr.write(`${each} was not there\n`);
      }
      if (kind !== undefined && name !== undefined) {
        const resource = await new ResourceFinder(client).byWord(kind);
        const scope = resource.namespaced ? (namespace ?? client.namespace) : undefined;
        await client.request("DELETE", `${resourcePath(resource, scope)}/${encodeURIComponent(name)}`, {
          body: { propagationPolicy: "Background" },
        });
        stdout.write(`${displayName(resource, name)} deleted\n`);
      }
    } finally {
      client.close();
    }
    return { exitCode: 0 };
  },
};
