import { type Clock, systemClock } from "../src/base/clock.ts";
import { MeshError } from "../src/base/error.ts";
import { trySplitHostPort } from "../src/base/ip.ts";
import { createLogger, type LogLevel } from "../src/base/log.ts";
import {
  CONTROL_ADMIN_PORT,
  CONTROLLER_NAME,
  DESTINATION_PORT,
  IDENTITY_PORT,
  IDENTITY_SERVICE,
  INJECTOR_PORT,
  POLICY_PORT,
} from "../src/base/names.ts";
import type { Command, CommandContext, FlagSpec, Options } from "../src/cli/command.ts";
import type { ControlProcess } from "../src/control/process.ts";
import { createKubeClient } from "../src/kube/connect.ts";

const LOG_LEVELS = ["off", "error", "warn", "info", "debug", "trace"] as const;

/** Flags of both processes. */
const SHARED_FLAGS: readonly FlagSpec[] = [
  { name: "namespace", type: "string", placeholder: "NAMESPACE", summary: "namespace of the control plane" },
  {
    name: "trust-domain",
    type: "string",
    placeholder: "DOMAIN",
    summary: "end of every identity",
    default: "cluster.local",
  },
  {
    name: "trust-roots",
    type: "string",
    placeholder: "FILE",
    summary: "PEM bundle of trust anchors",
    default: "/var/run/meshctl/identity/trust-roots/ca-bundle.crt",
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

const IDENTITY_FLAGS: readonly FlagSpec[] = [
  ...SHARED_FLAGS,
  {
    name: "port",
    type: "number",
    placeholder: "PORT",
    summary: "port of the gRPC server",
    default: IDENTITY_PORT,
  },
  {
    name: "issuer-dir",
    type: "string",
    placeholder: "DIR",
    summary: "issuer: crt.pem and key.pem, or tls.crt and tls.key",
    default: "/var/run/meshctl/identity/issuer",
  },
  { name: "issuance-lifetime", type: "duration", summary: "life of a certificate", default: "24h" },
  { name: "clock-skew", type: "duration", summary: "added to both ends of that life", default: "20s" },
];

const CONTROLLER_FLAGS: readonly FlagSpec[] = [
  ...SHARED_FLAGS,
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
    name: "values-file",
    type: "string",
    placeholder: "FILE",
    summary: "values of the installation",
    default: "/var/run/meshctl/config/values",
  },
  {
    name: "tls-dir",
    type: "string",
    placeholder: "DIR",
    summary: "the webhook's tls.crt and tls.key",
    default: "/var/run/meshctl/tls",
  },
  {
    name: "token-file",
    type: "string",
    placeholder: "FILE",
    summary: "own service-account token for identity",
    default: "/var/run/secrets/tokens/meshctl-identity-token",
  },
  {
    name: "identity-addr",
    type: "string",
    placeholder: "HOST:PORT",
    summary: "the identity service; by default its Service's name",
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
  {
    name: "destination-port",
    type: "number",
    placeholder: "PORT",
    summary: "gRPC port",
    default: DESTINATION_PORT,
  },
  { name: "policy-port", type: "number", placeholder: "PORT", summary: "gRPC port", default: POLICY_PORT },
  {
    name: "injector-port",
    type: "number",
    placeholder: "PORT",
    summary: "HTTPS port",
    default: INJECTOR_PORT,
  },
];

const identity: Command = {
  name: "identity",
  summary: "issues certificates to service accounts",
  description:
    "LISTEN_HOST is the address to bind (default ::). The API server is that of the pod, else of the kubeconfig.",
  flags: IDENTITY_FLAGS,
  examples: [
    { command: "meshctl control-plane identity --issuer-dir=./issuer", does: "run by the Deployment" },
  ],
  async run(options, _args, context) {
    const { runIdentity } = await import("../src/control/identity/run-identity.ts");
    await runIdentity({
      ...(await processOf(options, context)),
      port: options.port as number,
      issuerDir: options.issuerDir as string,
      lifetimeMs: options.issuanceLifetime as number,
      skewMs: options.clockSkew as number,
    });
    return { exitCode: 0 };
  },
};

const controller: Command = {
  name: "controller",
  summary: "discovery, policy and the injector's webhook",
  description:
    "LISTEN_HOST is the address to bind (default ::), MESHCTL_PROXY_DNS_SERVERS where to resolve the identity service. " +
    "The API server is that of the pod, else of the kubeconfig.",
  flags: CONTROLLER_FLAGS,
  examples: [
    { command: "meshctl control-plane controller --values-file=./values", does: "run by the Deployment" },
  ],
  async run(options, _args, context) {
    const { runController } = await import("../src/control/run-controller.ts");
    const shared = await processOf(options, context);
    const clusterDomain = options.clusterDomain as string;
    const address =
      (options.identityAddr as string | undefined) ?? defaultIdentity(shared.namespace, clusterDomain);
    const identityAddress = trySplitHostPort(address);
    if (!identityAddress) {
      throw new MeshError({
        kind: "usage",
        code: "CONTROL_BAD_FLAG",
        message: `--identity-addr "${address}" is not of the form host:port`,
      });
    }
    await runController({
      ...shared,
      clusterDomain,
      clusterNetworks: (options.clusterNetworks as string[] | undefined) ?? [],
      ports: {
        destination: options.destinationPort as number,
        policy: options.policyPort as number,
        injector: options.injectorPort as number,
      },
      valuesFile: options.valuesFile as string,
      tlsDir: options.tlsDir as string,
      tokenFile: options.tokenFile as string,
      identity: { host: identityAddress.host, port: identityAddress.port ?? IDENTITY_PORT },
      dnsServers: splitList(context.env.MESHCTL_PROXY_DNS_SERVERS),
      defaultInboundPolicy: options.defaultInboundPolicy as string | undefined,
      defaultOpaquePorts: options.defaultOpaquePorts as string | undefined,
      podName: context.env.HOSTNAME || CONTROLLER_NAME,
    });
    return { exitCode: 0 };
  },
};

export const command: Command = {
  name: "control-plane",
  summary: "the processes that proxies ask: identity, and controller (discovery, policy, injector)",
  flags: [],
  examples: [{ command: "meshctl control-plane identity --help", does: "flags of one of them" }],
  subcommands: {
    identity: { summary: identity.summary, load: async () => identity },
    controller: { summary: controller.summary, load: async () => controller },
  },
  async run() {
    throw new MeshError({
      kind: "usage",
      code: "CONTROL_NO_PROCESS",
      message: "control-plane needs to know which process: identity or controller",
      hint: "meshctl control-plane --help",
    });
  },
};

async function processOf(
  options: Options,
  { console, globals, env, signal }: CommandContext,
): Promise<ControlProcess> {
  const clock: Clock = systemClock;
  const log = createLogger({
    level: options.logLevel as LogLevel | "off",
    format: options.logFormat as "plain" | "json",
    write: (line) => console.stderr.write(line),
    now: () => clock.now(),
  });
  const client = await createKubeClient({
    kubeconfig: globals.kubeconfig,
    context: globals.context,
    as: globals.as,
    asGroups: globals.asGroup,
    env,
    inCluster: true,
    clock,
  });
  return {
    client,
    clock,
    random: Math.random,
    log,
    signal,
    listenHost: env.LISTEN_HOST || "::",
    adminPort: options.adminPort as number,
    namespace: (options.namespace as string | undefined) ?? globals.meshctlNamespace,
    trustDomain: options.trustDomain as string,
    trustRootsFile: options.trustRoots as string,
  };
}

function defaultIdentity(namespace: string, clusterDomain: string): string {
  return `${IDENTITY_SERVICE}.${namespace}.svc.${clusterDomain}.:${IDENTITY_PORT}`;
}

function splitList(text: string | undefined): string[] {
  return (text ?? "").split(",").flatMap((item) => (item.trim() === "" ? [] : [item.trim()]));
}
