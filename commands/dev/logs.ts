import { MeshError } from "../../src/base/error.ts";
import type { Command, CommandContext } from "../../src/cli/command.ts";
import type { KubeClient, KubeList } from "../../src/kube/client.ts";
import { resourcePath } from "../../src/kube/resource-path.ts";
import { ResourceFinder } from "../../src/local/resource-finder.ts";
import { DIR_FLAG, kindAndName, NAMESPACE_FLAG, openDevCluster } from "./dev-cluster.ts";

export const command: Command = {
  name: "logs",
  summary: "output of a pod's container",
  arguments: [
    { name: "pod", summary: "name of the pod, or deploy/NAME for one of its pods", required: true },
  ],
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
  examples: [
    { command: "meshctl dev logs deploy/web -n demo", does: "what one pod of a deployment says" },
    { command: "meshctl dev logs web-5d9c -n demo -c meshctl-proxy -f", does: "follow a proxy" },
  ],
  async run(options, args, context) {
    const client = await openDevCluster(options, context);
    try {
      const namespace = (options.namespace as string | undefined) ?? client.namespace;
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(await podName(client, namespace, args[0]!, context))}`;
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

/** The pod that a word names: itself, or the first of the pods that a `deploy/NAME` selects. */
async function podName(
  client: KubeClient,
  namespace: string,
  word: string,
  { console }: Pick<CommandContext, "console">,
): Promise<string> {
  if (!word.includes("/")) return word;
  const [kind, name] = kindAndName([word]) as readonly [string, string];
  const resource = await new ResourceFinder(client).byWord(kind);
  if (resource.kind === "Pod") return name;
  const owner = await client.request(
    "GET",
    `${resourcePath(resource, namespace)}/${encodeURIComponent(name)}`,
  );
  const labels = Object.entries((owner.spec?.selector?.matchLabels ?? {}) as Record<string, string>);
  const selector = labels.map(([key, value]) => `${key}=${value}`).join(",");
  const pods =
    selector === ""
      ? []
      : (
          await client.request<KubeList>("GET", `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`, {
            query: { labelSelector: selector },
          })
        ).items;
  const [first] = pods;
  if (!first) {
    throw new MeshError({
      kind: "user",
      code: "DEV_NO_PODS",
      message: `${word} in namespace ${namespace} has no pods`,
      hint: `meshctl dev get pods -n ${namespace} shows those that run`,
    });
  }
  if (pods.length > 1) console.stderr.write(`of ${pods.length} pods: ${first.metadata.name}\n`);
  return first.metadata.name!;
}
