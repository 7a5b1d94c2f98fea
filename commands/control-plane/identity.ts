import { IDENTITY_PORT } from "../../src/base/names.ts";
import type { Command } from "../../src/cli/command.ts";
import { CERTIFICATE_FLAGS, clusterProcess, PROCESS_FLAGS, TRUST_ROOTS_FLAG } from "./flags.ts";

export const command: Command = {
  name: "identity",
  summary: "issues certificates to service accounts",
  description:
    "LISTEN_HOST is the address to bind (default ::). The API server is that of the pod, else of the kubeconfig.",
  flags: [
    ...PROCESS_FLAGS,
    TRUST_ROOTS_FLAG,
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
    ...CERTIFICATE_FLAGS,
  ],
  examples: [
    { command: "meshctl control-plane identity --issuer-dir=./issuer", does: "run by the Deployment" },
  ],
  async run(options, _args, context) {
    const { runIdentity } = await import("../../src/control/identity/run-identity.ts");
    await runIdentity({
      ...(await clusterProcess(options, context)),
      port: options.port as number,
      issuerDir: options.issuerDir as string,
      lifetimeMs: options.issuanceLifetime as number,
      skewMs: options.clockSkew as number,
    });
    return { exitCode: 0 };
  },
};
