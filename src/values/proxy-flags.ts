import { formatGoDuration } from "../base/duration.ts";
import { INBOUND_POLICIES, PULL_POLICIES } from "./choices.ts";
import { isTree, setAtPath, type ValueTree } from "./merge.ts";

/** A flag that sets one value: its record for the command line, where its value goes, and which annotation says the same. */
export interface ValueFlag {
  readonly flag: {
    readonly name: string;
    readonly type: "boolean" | "string" | "number" | "duration" | "list";
    readonly placeholder?: string;
    readonly summary: string;
    readonly choices?: readonly string[];
    readonly hidden?: boolean;
  };
  /** Paths in the values that take the flag's value. */
  readonly paths: readonly string[];
  /** `config.meshctl.io/<annotation>` with which a workload overrides it; undefined: only an installation can. */
  readonly annotation?: string;
}

/** What `install` sets for every proxy and `inject` for one workload. */
export const PROXY_FLAGS: readonly ValueFlag[] = [
  text("proxy-image", "IMAGE", "image of the proxy, without tag", "proxy.image.name", "proxy-image"),
  text("proxy-version", "TAG", "tag of the proxy's image", "proxy.image.version", "proxy-version"),
  {
    flag: {
      name: "image-pull-policy",
      type: "string",
      placeholder: "POLICY",
      summary: "when images are pulled",
      choices: PULL_POLICIES,
    },
    paths: ["image.pullPolicy", "proxy.image.pullPolicy"],
    annotation: "image-pull-policy",
  },
  number("inbound-port", "port on which the proxy accepts connections", "proxy.ports.inbound"),
  number(
    "outbound-port",
    "port to which the application's connections are redirected",
    "proxy.ports.outbound",
  ),
  number("admin-port", "port of the proxy's metrics and probes", "proxy.ports.admin"),
  number("control-port", "port of the proxy's tap service", "proxy.ports.control"),
  list("skip-inbound-ports", "inbound ports that bypass the proxy", "proxyInit.ignoreInboundPorts"),
  list("skip-outbound-ports", "outbound ports that bypass the proxy", "proxyInit.ignoreOutboundPorts"),
  list("opaque-ports", "ports whose protocol is not detected", "proxy.opaquePorts"),
  number("proxy-uid", "user id that the proxy runs as", "proxy.uid", "proxy-uid", "UID"),
  number("proxy-gid", "group id that the proxy runs as", "proxy.gid", "proxy-gid", "GID"),
  text("proxy-log-level", "LEVEL", "what the proxy logs", "proxy.logLevel", "proxy-log-level"),
  {
    flag: {
      name: "proxy-log-format",
      type: "string",
      placeholder: "FORMAT",
      summary: "how the proxy logs",
      choices: ["plain", "json"],
    },
    paths: ["proxy.logFormat"],
    annotation: "proxy-log-format",
  },
  text(
    "proxy-cpu-request",
    "QUANTITY",
    "CPU that the proxy asks for",
    "proxy.resources.cpu.request",
    "proxy-cpu-request",
  ),
  text(
    "proxy-cpu-limit",
    "QUANTITY",
    "CPU that the proxy may use",
    "proxy.resources.cpu.limit",
    "proxy-cpu-limit",
  ),
  text(
    "proxy-memory-request",
    "QUANTITY",
    "memory that the proxy asks for",
    "proxy.resources.memory.request",
    "proxy-memory-request",
  ),
  text(
    "proxy-memory-limit",
    "QUANTITY",
    "memory that the proxy may use",
    "proxy.resources.memory.limit",
    "proxy-memory-limit",
  ),
  formerName("proxy-cpu", "proxy-cpu-request", "proxy.resources.cpu.request"),
  formerName("proxy-memory", "proxy-memory-request", "proxy.resources.memory.request"),
  {
    flag: {
      name: "default-inbound-policy",
      type: "string",
      placeholder: "POLICY",
      summary: "who may connect to ports that no Server selects",
      choices: INBOUND_POLICIES,
    },
    paths: ["proxy.defaultInboundPolicy"],
    annotation: "default-inbound-policy",
  },
  {
    flag: {
      name: "native-sidecar",
      type: "boolean",
      summary:
        "run the proxy as a native sidecar (the default), or with --native-sidecar=false as an ordinary container",
    },
    paths: ["proxy.nativeSidecar"],
    annotation: "proxy-enable-native-sidecar",
  },
];

/** Key under which parsed options hold a flag: `proxy-log-level` is `proxyLogLevel`. */
export function optionKey(flagName: string): string {
  return flagName.replace(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

/** The tree of values that the given flags set. Flags that were not given set nothing. */
export function treeFromFlags(
  flags: readonly ValueFlag[],
  options: Readonly<Record<string, unknown>>,
  given: ReadonlySet<string>,
): ValueTree {
  const tree: ValueTree = {};
  for (const { flag, paths } of flags) {
    const key = optionKey(flag.name);
    if (!given.has(key)) continue;
    for (const path of paths) setAtPath(tree, path.split("."), flagValue(flag.type, options[key]));
  }
  return tree;
}

/** The value at a dotted path, or undefined. */
export function valueAt(tree: unknown, path: string): unknown {
  let value = tree;
  for (const key of path.split(".")) {
    if (!isTree(value)) return undefined;
    value = value[key];
  }
  return value;
}

function flagValue(type: ValueFlag["flag"]["type"], value: unknown): unknown {
  if (type === "list") return (value as readonly string[]).join(",");
  if (type === "duration") return formatGoDuration(value as number);
  return value;
}

function text(
  name: string,
  placeholder: string,
  summary: string,
  path: string,
  annotation: string,
): ValueFlag {
  return { flag: { name, type: "string", placeholder, summary }, paths: [path], annotation };
}

/** A flag that has another name now, and still works. */
function formerName(name: string, current: string, path: string): ValueFlag {
  return {
    flag: {
      name,
      type: "string",
      placeholder: "QUANTITY",
      summary: `former name of --${current}`,
      hidden: true,
    },
    paths: [path],
    annotation: current,
  };
}

function number(
  name: string,
  summary: string,
  path: string,
  annotation = name,
  placeholder = "PORT",
): ValueFlag {
  return { flag: { name, type: "number", placeholder, summary }, paths: [path], annotation };
}

function list(name: string, summary: string, path: string): ValueFlag {
  return { flag: { name, type: "list", placeholder: "PORTS", summary }, paths: [path], annotation: name };
}
