import { type Clock, systemClock } from "../../src/base/clock.ts";
import { createLogger, type LogLevel } from "../../src/base/log.ts";
import { CONTROL_ADMIN_PORT, DESTINATION_PORT, POLICY_PORT } from "../../src/base/names.ts";
import type { CommandContext, FlagSpec, Options } from "../../src/cli/command.ts";
import { readOwnNetworks } from "../../src/control/own-networks.ts";
import type { ControlProcess } from "../../src/control/process.ts";
import type { SettingsFlags } from "../../src/control/read-settings.ts";

const LOG_LEVELS = ["off", "error", "warn", "info", "debug", "trace"] as const;

/** Flags of every process. */
export const PROCESS_FLAGS: readonly FlagSpec[] = [
  { name: "namespace", type: "string", placeholder: "NAMESPACE", summary: "namespace of the control plane" },
  {
    name: "trust-domain",
    type: "string",
    placeholder: "DOMAIN",
    summary: "end of every identity",
    default: "cluster.local",
  },
  {
    name: "admin-port",
    type: "number",
    placeholder: "PORT",
    summary: "port of /live, /ready and /metrics",
    default: CONTROL_ADMIN_PORT,
  },
  { name: "log-level", type: "string", summary: "level of the log", choices: LOG_LEVELS, default: "info" },
  {
    name: "log-format",
    type: "string",
    summary: "format of the log",
    choices: ["plain", "json"],
    default: "plain",
  },
];

export const FROM_FLAG: FlagSpec = {
  name: "from",
  type: "string",
  placeholder: "DIR",
  summary: "serve the YAML files of this directory, without Kubernetes",
};

export const STATE_FLAG: FlagSpec = {
  name: "state",
  type: "string",
  placeholder: "DIR",
  summary:
    "keys and trust anchors of a mesh without Kubernetes; by default .meshctl in the directory of --from",
};

/** About what proxies are told. */
export const SETTINGS_FLAGS: readonly FlagSpec[] = [
  {
    name: "cluster-domain",
    type: "string",
    placeholder: "DOMAIN",
    summary: "domain of Services",
    default: "cluster.local",
  },
  {
    name: "cluster-networks",
    type: "list",
    placeholder: "CIDR",
    summary: "networks inside the cluster; by default those of the values",
  },
  {
    name: "default-inbound-policy",
    type: "string",
    placeholder: "POLICY",
    summary: "for pods that do not say; by default that of the values",
  },
  {
    name: "default-opaque-ports",
    type: "string",
    placeholder: "PORTS",
    summary: "ports not to look into; by default those of the values",
  },
];

/** About the certificates that identity signs. */
export const CERTIFICATE_FLAGS: readonly FlagSpec[] = [
  { name: "issuance-lifetime", type: "duration", summary: "life of a certificate", default: "24h" },
  { name: "clock-skew", type: "duration", summary: "added to both ends of that life", default: "20s" },
];

/** Ports of destination and policy. */
export const DISCOVERY_PORT_FLAGS: readonly FlagSpec[] = [
  {
    name: "destination-port",
    type: "number",
    placeholder: "PORT",
    summary: "gRPC port",
    default: DESTINATION_PORT,
  },
  { name: "policy-port", type: "number", placeholder: "PORT", summary: "gRPC port", default: POLICY_PORT },
];

export const TRUST_ROOTS_FLAG: FlagSpec = {
  name: "trust-roots",
  type: "string",
  placeholder: "FILE",
  summary: "PEM bundle of trust anchors",
  default: "/var/run/meshctl/identity/trust-roots/ca-bundle.crt",
};

/** What every process is given, whatever it reads its objects from. */
export function processBasics(
  options: Options,
  { console, globals, env, signal }: CommandContext,
): Omit<ControlProcess, "client" | "trustRootsFile"> {
  const clock: Clock = systemClock;
  return {
    clock,
    random: Math.random,
    log: createLogger({
      level: options.logLevel as LogLevel | "off",
      format: options.logFormat as "plain" | "json",
      write: (line) => console.stderr.write(line),
      now: () => clock.now(),
    }),
    signal,
    listenHost: env.LISTEN_HOST || "::",
    adminPort: options.adminPort as number,
    ownNetworks: readOwnNetworks(env),
    namespace: (options.namespace as string | undefined) ?? globals.meshctlNamespace,
    trustDomain: options.trustDomain as string,
  };
}

/** The flags of the settings, for `readSettings`. */
export function settingsFlags(options: Options): Omit<SettingsFlags, "namespace" | "trustDomain"> {
  return {
    clusterDomain: options.clusterDomain as string,
    clusterNetworks: (options.clusterNetworks as string[] | undefined) ?? [],
    defaultInboundPolicy: options.defaultInboundPolicy as string | undefined,
    defaultOpaquePorts: options.defaultOpaquePorts as string | undefined,
  };
}

/** What the processes of a cluster are given on top: the API server, and the mounted trust anchors. */
export async function clusterProcess(options: Options, context: CommandContext): Promise<ControlProcess> {
  const { createKubeClient } = await import("../../src/kube/connect.ts");
  const { globals, env } = context;
  const basics = processBasics(options, context);
  const client = await createKubeClient({
    kubeconfig: globals.kubeconfig,
    context: globals.context,
    as: globals.as,
    asGroups: globals.asGroup,
    env,
    inCluster: true,
    clock: basics.clock,
  });
  return { ...basics, client, trustRootsFile: options.trustRoots as string };
}
