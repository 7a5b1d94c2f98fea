import { promises as dns } from "node:dns";
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Identity } from "../../api/gen/io/linkerd/proxy/identity_pb.js";
import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import { joinHostPort, normaliseIp } from "../../base/ip.ts";
import type { CertifyAnswer, CertifyRequest, MeshCredentials } from "../../identity/mesh-credentials.ts";
import { clientOptions } from "../../identity/mesh-tls.ts";
import { readMounted } from "../process.ts";
import { callUnary } from "../serve/call-unary.ts";

export interface CertifyClientOptions {
  readonly host: string;
  readonly port: number;
  /** Identity of the identity service: SNI and the SAN that it must have. */
  readonly serverName: string;
  readonly tokenFile: string;
  /** `ip:port` list; empty: the system's resolver. */
  readonly dnsServers: readonly string[];
  readonly clock: Clock;
}

const CONNECT_TIMEOUT_MS = 3000;
const CALL_TIMEOUT_MS = 10_000;

/** Asks the identity service for this process' own certificate, over a connection of its own for each call. */
export function createCertifyClient(
  options: CertifyClientOptions,
): (request: CertifyRequest, credentials: MeshCredentials) => Promise<CertifyAnswer> {
  const { serverName, tokenFile } = options;
  return async ({ identity, requestDer }, credentials) => {
    const token = readMounted(tokenFile, "--token-file");
    const tls = clientOptions(credentials.asking, { serverName, expectIdentity: serverName });
    const socket = await open(await resolve(options), options, tls);
    try {
      const reply = await callUnary(
        Identity.method.certify,
        { identity, token, certificateSigningRequest: requestDer },
        {
          socket,
          authority: joinHostPort(options.host.replace(/\.$/, ""), options.port),
          clock: options.clock,
          timeoutMs: CALL_TIMEOUT_MS,
        },
      );
      return {
        leafDer: reply.leafCertificate,
        intermediatesDer: reply.intermediateCertificates,
        validUntilMs: reply.validUntil ? timestampMs(reply.validUntil) : 0,
        trustAnchorsPem:
          reply.trustAnchors.length > 0 ? Buffer.from(reply.trustAnchors).toString() : undefined,
      };
    } catch (cause) {
      throw new MeshError({
        kind: "environment",
        code: "IDENTITY_CERTIFY_FAILED",
        message: `identity (${joinHostPort(options.host, options.port)}) refused a certificate for ${identity}: ${(cause as Error).message}`,
        hint: "look at the log of meshctl-identity",
        cause,
      });
    } finally {
      socket.destroy();
    }
  };
}

async function resolve({ host, dnsServers }: CertifyClientOptions): Promise<string> {
  const literal = normaliseIp(host);
  if (isIP(literal)) return literal;
  try {
    if (dnsServers.length === 0) return (await dns.lookup(host)).address;
    const resolver = new dns.Resolver({ timeout: 2000, tries: 2 });
    resolver.setServers(dnsServers);
    const name = host.replace(/\.$/, "");
    const [address] = await resolver.resolve4(name).catch(() => resolver.resolve6(name));
    if (address !== undefined) return address;
    throw new Error("no address");
  } catch (cause) {
    throw new MeshError({
      kind: "environment",
      code: "IDENTITY_UNREACHABLE",
      message: `the identity service's name ${host} has no address: ${(cause as Error).message}`,
      hint: "it has one when a pod of meshctl-identity is ready",
      cause,
    });
  }
}

function open(
  address: string,
  { host, port }: CertifyClientOptions,
  tls: ConnectionOptions,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...tls, host: address, port });
    const fail = (cause: Error): void => {
      socket.destroy();
      reject(
        new MeshError({
          kind: "environment",
          code: "IDENTITY_UNREACHABLE",
          message: `the identity service ${joinHostPort(host, port)} (${address}) cannot be reached: ${cause.message}`,
          hint: "is meshctl-identity running?",
          cause,
        }),
      );
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
      fail(new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1000}s`)),
    );
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      socket.off("error", fail);
      socket.on("error", () => {
        // The call that uses the socket fails by itself.
      });
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}
