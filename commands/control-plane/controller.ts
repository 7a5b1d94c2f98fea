import { MeshError } from "../../src/base/error.ts";
import { trySplitHostPort } from "../../src/base/ip.ts";
import { CONTROLLER_NAME, IDENTITY_PORT, IDENTITY_SERVICE, INJECTOR_PORT } from "../../src/base/names.ts";
import type { Command } from "../../src/cli/command.ts";
import {
  clusterProcess,
  DISCOVERY_PORT_FLAGS,
  PROCESS_FLAGS,
  SETTINGS_FLAGS,
  settingsFlags,
  TRUST_ROOTS_FLAG,
} from "./flags.ts";

export const command: Command = {
  name: "controller",
  summary: "discovery, policy and the injector's webhook",
  description:
    "LISTEN_HOST is the address to bind (default ::), MESHCTL_PROXY_DNS_SERVERS where to resolve the identity service. " +
    "The API server is that of the pod, else of the kubeconfig.",
  flags: [
    ...PROCESS_FLAGS,
    TRUST_ROOTS_FLAG,
    ...SETTINGS_FLAGS,
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
    ...DISCOVERY_PORT_FLAGS,
    {
      name: "injector-port",
      type: "number",
      placeholder: "PORT",
      summary: "HTTPS port",
      default: INJECTOR_PORT,
    },
  ],
  examples: [
    { command: "meshctl control-plane controller --values-file=./values", does: "run by the Deployment" },
  ],
  async run(options, _args, context) {
    const { runController } = await import("../../src/control/run-controller.ts");
    const shared = await clusterProcess(options, context);
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
      ...settingsFlags(options),
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
      podName: context.env.HOSTNAME || CONTROLLER_NAME,
    });
    return { exitCode: 0 };
  },
};

function defaultIdentity(namespace: string, clusterDomain: string): string {
  return `${IDENTITY_SERVICE}.${namespace}.svc.${clusterDomain}.:${IDENTITY_PORT}`;
}

function splitList(text: string | undefined): string[] {
  return (text ?? "").split(",").flatMap((item) => (item.trim() === "" ? [] : [item.trim()]));
}
