import { stringify } from "yaml";
import { MeshError } from "../../src/base/error.ts";
import type { Command } from "../../src/cli/command.ts";
import { openCluster } from "../../src/collect/open-cluster.ts";
import { collectToldPolicy, parsePolicyResource } from "../../src/collect/told-policy.ts";
import { NAMESPACE_FLAG } from "../../src/views/live-flags.ts";
import { DESTINATION_POD_FLAG, STRUCT_OUTPUT_FLAG, tokenFlag } from "./flags.ts";

export const command: Command = {
  name: "policy",
  summary: "the policy of a pod's port or of a Service, as proxies are told",
  description:
    "For a pod: who may connect to the port, by which routes. For a Service: to which backends its clients go, by which routes.",
  arguments: [
    { name: "resource", summary: "po/NAME or svc/NAME", required: true },
    { name: "port", summary: "port of the pod or of the Service", required: true },
  ],
  flags: [NAMESPACE_FLAG, STRUCT_OUTPUT_FLAG, DESTINATION_POD_FLAG, tokenFlag("default:diagnostics")],
  examples: [
    { command: "meshctl diagnostics policy svc/web 8080 -n demo", does: "how clients reach a Service" },
    { command: "meshctl diagnostics policy po/web-1 8080 -n demo", does: "who may connect to a pod" },
  ],
  async run(options, args, context) {
    const [resource, portText] = args as [string, string];
    parsePolicyResource(resource);
    const port = readPort(portText);
    const kube = await openCluster(context);
    try {
      const policy = await collectToldPolicy(
        kube,
        {
          resource,
          port,
          namespace: (options.namespace as string | undefined) ?? kube.namespace,
          address: context.globals.apiAddr,
          controlPlane: context.globals.meshctlNamespace,
          pod: options.destinationPod as string | undefined,
          token: options.token as string,
        },
        context.signal,
      );
      const text =
        options.output === "json"
          ? `${JSON.stringify(policy, undefined, 2)}\n`
          : stringify(policy, { lineWidth: 0 });
      context.console.stdout.write(text);
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new MeshError({
    kind: "usage",
    code: "DIAGNOSTICS_PORT",
    message: `"${text}" is no port`,
    hint: "give a number from 1 to 65535",
  });
}
