import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { MeshError } from "../src/base/error.ts";
import type { Command, CommandContext, Options } from "../src/cli/command.ts";
import { createFetch } from "../src/cli/fetch-url.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { findTapTargets, streamTap } from "../src/collect/tap.ts";
import { readTapLine } from "../src/collect/tap-query.ts";
import { OUTPUT_FLAG } from "../src/install/command-flags.ts";
import { readTextFrom } from "../src/install/install-inputs.ts";
import { printObjects } from "../src/install/print-objects.ts";
import { routesFromOpenApi } from "../src/install/profile/from-openapi.ts";
import { routesFromProto } from "../src/install/profile/from-proto.ts";
import { SeenRoutes } from "../src/install/profile/from-requests.ts";
import {
  checkTarget,
  type ProfileRoute,
  type ProfileTarget,
  profileTemplate,
  serviceProfile,
} from "../src/install/profile/service-profile.ts";
import { readStored } from "../src/install/stored.ts";
import type { KubeClient } from "../src/kube/client.ts";
import { NAMESPACE_FLAG } from "../src/views/live-flags.ts";

const SOURCES = ["template", "openApi", "proto", "tap"] as const;

export const command: Command = {
  name: "profile",
  summary: "print a ServiceProfile: from a template, an OpenAPI document, protobuf or traffic",
  description:
    "Exactly one of --template, --open-api, --proto and --tap says where the routes come from. The cluster is asked for its domain, with --tap\n" +
    "for requests. Prints the object and changes nothing.",
  arguments: [{ name: "service", summary: "name of the Service", required: true }],
  flags: [
    { name: "template", type: "boolean", summary: "a commented example" },
    {
      name: "open-api",
      type: "string",
      placeholder: "FILE",
      summary: "OpenAPI 2 or 3, in YAML or JSON; - is standard input",
    },
    {
      name: "proto",
      type: "string",
      placeholder: "FILE",
      summary: "protobuf file with services; - is standard input",
    },
    {
      name: "tap",
      type: "string",
      placeholder: "RESOURCE",
      summary: "requests that now arrive at this resource, like deploy/web",
    },
    { name: "tap-duration", type: "duration", default: "5s", summary: "how long to listen" },
    { name: "tap-route-limit", type: "number", default: 20, summary: "how many routes to collect at most" },
    NAMESPACE_FLAG,
    {
      name: "ignore-cluster",
      type: "boolean",
      summary: "ask no cluster: its domain is cluster.local, and the namespace is --namespace or default",
    },
    OUTPUT_FLAG,
  ],
  examples: [
    { command: "meshctl profile web -n demo --open-api web.swagger.yaml", does: "from a description" },
    { command: "meshctl profile web -n demo --tap deploy/web --tap-duration 30s", does: "from what arrives" },
  ],
  async run(options, args, context, given) {
    const chosen = SOURCES.filter((name) => given.has(name));
    if (chosen.length !== 1) {
      throw usage(
        `${chosen.length === 0 ? "none" : "more than one"} of --template, --open-api, --proto and --tap is given`,
        "give exactly one of them",
      );
    }
    const service = args[0]!;
    checkTarget(service, (options.namespace as string | undefined) ?? "default");
    if (options.ignoreCluster === true && chosen[0] === "tap") {
      throw usage("--tap listens to a cluster, which --ignore-cluster forbids", "leave one of them out");
    }
    const kube = options.ignoreCluster === true ? undefined : await openCluster(context);
    try {
      const target: ProfileTarget = {
        service,
        namespace: (options.namespace as string | undefined) ?? kube?.namespace ?? "default",
        clusterDomain: kube
          ? (await readStored(kube, context.globals.meshctlNamespace)).values.clusterDomain
          : "cluster.local",
      };
      if (chosen[0] === "template") context.console.stdout.write(profileTemplate(target));
      else {
        const routes = await readRoutes(chosen[0]!, options, target, context, kube);
        const profile = serviceProfile(target, routes);
        context.console.stdout.write(printObjects([profile], options.output as "yaml" | "json"));
      }
      return { exitCode: 0 };
    } finally {
      kube?.close();
    }
  },
};

async function readRoutes(
  source: (typeof SOURCES)[number],
  options: Options,
  target: ProfileTarget,
  context: CommandContext,
  kube: KubeClient | undefined,
): Promise<readonly ProfileRoute[]> {
  if (source === "tap") return listen(options, target, context, kube!);
  const { console, cwd, env } = context;
  const name = options[source] as string;
  const fromFile = readTextFrom((file) => readFile(resolve(cwd, file), "utf8"), createFetch(env));
  const text = name === "-" ? (await console.stdin.readAll()).toString("utf8") : await fromFile(name);
  const words = name === "-" ? "standard input" : name;
  return source === "openApi" ? routesFromOpenApi(text, words) : routesFromProto(text, words);
}

/** Requests that arrive while it listens, until there are as many routes as are wanted. */
async function listen(
  options: Options,
  target: ProfileTarget,
  { console, signal }: CommandContext,
  kube: KubeClient,
): Promise<readonly ProfileRoute[]> {
  const words = (options.tap as string).trim().split(/\s+/);
  const query = readTapLine({ maxRps: 0 }, words, target.namespace, false);
  const targets = await findTapTargets(kube, query, signal);
  const seen = new SeenRoutes(options.tapRouteLimit as number);
  const full = new AbortController();
  const over = AbortSignal.any([signal, full.signal, AbortSignal.timeout(options.tapDuration as number)]);
  await streamTap(
    kube,
    targets,
    {
      onEvent({ line: { event, exchange } }) {
        if (event !== "opened" || exchange.direction !== "inbound" || exchange.method === "") return;
        seen.add(exchange.method, exchange.path);
        if (seen.isFull) full.abort();
      },
      onNotice: (text) => console.stderr.write(`${text}\n`),
    },
    over,
  );
  signal.throwIfAborted();
  if (seen.routes().length === 0) {
    console.stderr.write("no requests arrived in that time: a longer --tap-duration may see some\n");
  }
  return seen.routes();
}

function usage(message: string, hint: string): MeshError {
  return new MeshError({ kind: "usage", code: "PROFILE_SOURCE", message, hint });
}
