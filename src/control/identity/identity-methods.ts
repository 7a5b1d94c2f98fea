import { Identity } from "../../api/gen/io/linkerd/proxy/identity_pb.js";
import { type GrpcMethod, unaryMethod } from "../serve/grpc-method.ts";
import { type CertifyOptions, certify } from "./certify.ts";

/** The service that proxies ask for certificates. */
export function identityMethods(options: CertifyOptions): readonly GrpcMethod[] {
  return [unaryMethod(Identity.method.certify, (request) => certify(options, request))];
}
