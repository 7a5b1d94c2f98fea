import type { Command } from "../../src/cli/command.ts";
import { DIR_FLAG, NAMESPACE_FLAG, openDevCluster } from "./dev-cluster.ts";

export const command: Command = {
  name: "logs",
  summary: "output of a pod's container",
  arguments: [{ name: "pod", summary: "name of the pod", required: true }],
  flags: [
    NAMESPACE_FLAG,
    {
      name: "container",
      short: "c",
      type: "string",
      placeholder: "NAME",
      summary: "which container (default: the first)",
    },
    { name: "follow", short: "f", type: "boolean", summary: "go on until the container ends" },
    { name: "previous", short: "p", type: "boolean", summary: "the run before the last restart" },
    { name: "tail", type: "number", placeholder: "LINES", summary: "only the last lines" },
    { name: "timestamps", type: "boolean", summary: "a time before each line" },
    DIR_FLAG,
  ],
  examples: [{ command: "meshctl dev logs web-5d9c -n demo -c meshctl-proxy -f", does: "follow a proxy" }],
  async run(options, args, context) {
    const client = await openDevCluster(options, context);
    try {
      const namespace = (options.namespace as string | undefined) ?? client.namespace;
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(args[0]!)}`;
      let container = options.container as string | undefined;
      if (container === undefined) {
        const pod = await client.request("GET", path);
        container =
          pod.metadata.annotations?.["kubectl.kubernetes.io/default-container"] ??
          pod.spec.containers[0].name;
      }
      const stream = await client.stream(`${path}/log`, {
        signal: context.signal,
        query: {
          container,
          follow: options.follow === true || undefined,
          previous: options.previous === true || undefined,
          tailLines: options.tail as number | undefined,
          timestamps: options.timestamps === true || undefined,
        },
      });
      stream.setEncoding("utf8");
      for await (const text of stream as AsyncIterable<string>) context.console.stdout.write(text);
    } finally {
      client.close();
    }
    return { exitCode: 0 };
  },
};
