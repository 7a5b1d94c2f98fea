import { readFile } from "node:fs/promises";
import { Identity } from "../api/gen/io/linkerd/proxy/identity_pb.js";
import type { Clock } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { CredentialsOptions } from "../identity/mesh-credentials.ts";
import { clientOptions } from "../identity/mesh-tls.ts";
import type { BackoffConfig, ControlAddress } from "./config.ts";
import { createGrpcClient } from "./control/grpc-client.ts";
import type { HostResolver } from "./control/resolve-host.ts";
import type { CallObserver } from "./metrics/control-calls.ts";

export interface IdentityClientOptions {
  readonly server: ControlAddress;
  /** Service-account token; read anew for each request, because the kubelet rotates it. */
  readonly tokenFile: string;
  /** Whether trust anchors that come with a certificate are taken; not where a file has them. */
  readonly takesAnchors: boolean;
  readonly resolver: HostResolver;
  readonly sourceHost: string | undefined;
  readonly connectTimeoutMs: number;
  readonly backoff: BackoffConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly calls?: CallObserver | undefined;
}

const CALL_TIMEOUT_MS = 10_000;

/**
 * Asks the identity service for certificates. A new connection is made for each request: hours lie between them, and after a
 * rotation of anything the next must see the new state. The first goes without a client certificate, as there is none.
 *
 * @see reference: proxy-api section 7
 */
export function createIdentityClient(options: IdentityClientOptions): CredentialsOptions["certify"] {
  return async ({ identity, requestDer }, credentials) => {
    const token = await readToken(options.tokenFile);
    const client = createGrpcClient({
      ...options,
      address: options.server,
      tlsOptions: (name) =>
        clientOptions(credentials.asking, {
          serverName: name,
          expectIdentity: name,
        }),
    });
    try {
      const answer = await client.unary(
        Identity.method.certify,
        { identity, token, certificateSigningRequest: requestDer },
        { timeoutMs: CALL_TIMEOUT_MS },
      );
      if (!answer.validUntil) {
        throw new MeshError({
          kind: "environment",
          code: "IDENTITY_BAD_ANSWER",
          message: "the identity service did not say how long the certificate is valid",
        });
      }
      return {
        leafDer: answer.leafCertificate,
        intermediatesDer: answer.intermediateCertificates,
        trustAnchorsPem: options.takesAnchors ? pemOf(answer.trustAnchors) : undefined,
        validUntilMs: Number(answer.validUntil.seconds) * 1000 + Math.floor(answer.validUntil.nanos / 1e6),
      };
    } finally {
      client.close();
    }
  };
}

/** @returns undefined where the identity service sends none: Linkerd's, or one of an earlier version */
function pemOf(bytes: Uint8Array): string | undefined {
  return bytes.length === 0 ? undefined : Buffer.from(bytes).toString("utf8");
}

async function readToken(path: string): Promise<Buffer> {
  let token: Buffer | undefined;
  let cause: unknown;
  try {
    token = await readFile(path);
  } catch (caught) {
    cause = caught;
  }
  const text = token?.toString("latin1").trim();
  if (text) return Buffer.from(text, "latin1");
  throw new MeshError({
    kind: "environment",
    code: "IDENTITY_TOKEN_UNREADABLE",
    message: `the service-account token ${path} ${token ? "is empty" : `cannot be read (${systemErrorCode(cause) ?? "unknown"})`}`,
    hint: "the pod needs a projected token volume with the audience identity.l5d.io",
    cause,
  });
}
