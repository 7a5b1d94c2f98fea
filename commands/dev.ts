import { systemClock } from "../src/base/clock.ts";
import { MeshError } from "../src/base/error.ts";
import type { Command } from "../src/cli/command.ts";
import { DIR_FLAG, devDir } from "./dev/dev-cluster.ts";
import { startCluster } from "./dev/start-cluster.ts";

export const command: Command = {
  name: "dev",
  summary: "a local cluster: Kubernetes' API and pods as processes of this machine",
  description:
    "Runs in the foreground until Ctrl-C, which ends every pod. Your own kubeconfig is not touched: the cluster writes its own\n" +
    "and prints the line that selects it. meshctl's image runs this program; for any other image the pod needs the annotation\n" +
    'dev.meshctl.io/command.<container>: "<command line>", which is run as `/bin/sh -c \'exec <command line> "$@"\'` with the\n' +
    "container's args. An application listens on $LISTEN_HOST.",
  flags: [
    DIR_FLAG,
    {
      name: "fresh",
      type: "boolean",
      summary: "forget the objects that the last cluster in the folder had",
    },
    {
      name: "api-port",
      type: "number",
      placeholder: "PORT",
      default: 0,
      summary: "port of the API server on 127.0.0.1; 0 takes a free one",
    },
  ],
  examples: [
    { command: "meshctl dev", does: "start a cluster" },
    { command: "meshctl install | meshctl dev apply -f -", does: "install the mesh without kubectl" },
    { command: "meshctl dev get pods -A", does: "see what runs" },
  ],
  subcommands: {
    apply: {
      summary: "create or change the objects of a manifest",
      load: async () => (await import("./dev/apply.ts")).command,
    },
    get: { summary: "show objects", load: async () => (await import("./dev/get.ts")).command },
    delete: {
      summary: "delete the objects of a manifest, or one by name",
      load: async () => (await import("./dev/delete.ts")).command,
    },
    logs: {
      summary: "output of a pod's container",
      load: async () => (await import("./dev/logs.ts")).command,
    },
  },
  async run(options, _args, context) {
    const { console, signal } = context;
    const startedMs = systemClock.monotonic();
    const cluster = await startCluster(context, {
      dir: devDir(options, context),
      quietLevel: "warn",
      keepsObjects: true,
      isFresh: options.fresh === true,
      apiPort: readPort(options.apiPort as number),
      onProgress: (message) => console.stderr.write(`${message}\n`),
    });
    try {
      const seconds = ((systemClock.monotonic() - startedMs) / 1000).toFixed(1);
      console.stderr.write(`up after ${seconds}s; Ctrl-C ends it\n\n`);
      console.stdout.write(`export KUBECONFIG=${cluster.kubeconfigPath}\n`);
      if (!signal.aborted) {
        await new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve(), { once: true }),
        );
      }
    } finally {
      console.stderr.write("stopping ...\n");
      await cluster.stop();
    }
    return { exitCode: 0 };
  },
};

/** @throws MeshError `DEV_API_PORT` */
function readPort(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new MeshError({
    kind: "usage",
    code: "DEV_API_PORT",
    message: `--api-port ${port} is no port`,
    hint: "give a number from 1 to 65535, or 0 for a free one",
  });
}
