import type { ConnectRouter } from "@connectrpc/connect";
import { Identity } from "../../api/gen/io/linkerd/proxy/identity_pb.js";
import { type CertifyOptions, certify } from "./certify.ts";

/** The service that proxies ask for certificates. */
export function identityRoutes(options: CertifyOptions): (router: ConnectRouter) => void {
  return (router) => {
    router.service(Identity, { certify: (request) => certify(options, request) });
  };
}
