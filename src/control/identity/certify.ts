import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type CertifyRequest,
  type CertifyResponse,
  CertifyResponseSchema,
} from "../../api/gen/io/linkerd/proxy/identity_pb.js";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { type Authority, isRequestProblem, readWorkloadRequest } from "../../identity/ca.ts";
import { GrpcCode, GrpcError } from "../serve/grpc-error.ts";
import type { IdentityEvents } from "./identity-events.ts";
import type { ReviewToken } from "./token-review.ts";

export interface CertifyOptions {
  /** @throws when there is no valid issuer */
  readonly issuer: () => Promise<Authority>;
  readonly reviewToken: ReviewToken;
  /** Control-plane namespace and trust domain, the end of every identity. */
  readonly namespace: string;
  readonly trustDomain: string;
  readonly lifetimeMs: number;
  readonly skewMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: IdentityEvents;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Base64url segments of a JWT, and of nothing else that could be sent to the API server. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/**
 * Answers `Identity/Certify`: who proves by token to be a service account gets a certificate for its name.
 *
 * @see reference: control-plane section 5 (order of the rules and their statuses), proxy-api section 7
 */
export async function certify(options: CertifyOptions, request: CertifyRequest): Promise<CertifyResponse> {
  const { clock, log } = options;
  const authority = await options.issuer().catch((error: Error) => {
    throw new GrpcError(error.message, GrpcCode.unavailable);
  });
  const { identity } = request;
  if (identity === "") throw new GrpcError("identity is missing", GrpcCode.invalidArgument);
  if (request.token.length === 0) throw new GrpcError("token is missing", GrpcCode.invalidArgument);
  if (request.certificateSigningRequest.length === 0) {
    throw new GrpcError("certificate signing request is missing", GrpcCode.invalidArgument);
  }
  try {
    authority.assertValidAt(clock.now());
  } catch (error) {
    log.error((error as Error).message);
    options.events.issuerValidationFailed((error as Error).message);
    throw new GrpcError((error as Error).message, GrpcCode.unknown);
  }
  const workload = await readWorkloadRequest(request.certificateSigningRequest, identity);
  if (isRequestProblem(workload)) {
    const code = workload.kind === "undecodable" ? GrpcCode.invalidArgument : GrpcCode.failedPrecondition;
    throw new GrpcError(workload.message, code);
  }
  const proven = await provenIdentity(options, request.token);
  if (proven !== identity) {
    throw new GrpcError(`the token is for ${proven}, not for ${identity}`, GrpcCode.failedPrecondition);
  }
  const { lifetimeMs, skewMs } = options;
  const issued = await authority.issue(workload, { nowMs: clock.now(), lifetimeMs, skewMs });
  const [name = "", namespace = ""] = identity.split(".");
  options.events.issued({ namespace, name }, issued.leafDer, issued.validUntilMs);
  log.info("certificate issued", { identity, until: new Date(issued.validUntilMs).toISOString() });
  return create(CertifyResponseSchema, {
    leafCertificate: issued.leafDer,
    intermediateCertificates: [...authority.intermediatesDer],
    validUntil: timestampFromMs(issued.validUntilMs),
    trustAnchors: Buffer.from(authority.anchorsPem),
  });
}

/** The identity that a token proves. @throws GrpcError */
async function provenIdentity(options: CertifyOptions, tokenBytes: Uint8Array): Promise<string> {
  const token = Buffer.from(tokenBytes).toString("utf8").trim();
  if (!JWT.test(token)) throw new GrpcError("the token is no JSON web token", GrpcCode.invalidArgument);
  const verdict = await options.reviewToken(token).catch((error: Error) => {
    options.log.error("token review failed", { error: error.message });
    throw new GrpcError(`the token could not be reviewed: ${error.message}`, GrpcCode.internal);
  });
  if (verdict.kind === "unauthenticated") {
    throw new GrpcError(`the token is not valid: ${verdict.reason}`, GrpcCode.failedPrecondition);
  }
  const [system, type, namespace, account, ...rest] = verdict.username.split(":");
  const labels = [type, namespace, account];
  if (
    system !== "system" ||
    rest.length > 0 ||
    !labels.every((label) => label !== undefined && DNS_LABEL.test(label))
  ) {
    throw new GrpcError(`user ${verdict.username} is no service account`, GrpcCode.failedPrecondition);
  }
  return `${account}.${namespace}.${type}.identity.${options.namespace}.${options.trustDomain}`;
}
