import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import { isRequestProblem, readWorkloadRequest } from "../../identity/ca.ts";
import type { CredentialsOptions } from "../../identity/mesh-credentials.ts";
import type { IssuerFiles } from "./issuer-files.ts";

/** How the process that holds the issuer certifies itself: as it does others, but nobody needs to prove who it is. */
export function certifyByIssuer(
  issuer: Pick<IssuerFiles, "current">,
  {
    clock,
    lifetimeMs,
    skewMs,
  }: { readonly clock: Clock; readonly lifetimeMs: number; readonly skewMs: number },
): CredentialsOptions["certify"] {
  return async ({ identity, requestDer }) => {
    const authority = await issuer.current();
    const request = await readWorkloadRequest(requestDer, identity);
    if (isRequestProblem(request)) {
      throw new MeshError({ kind: "bug", code: "IDENTITY_OWN_REQUEST", message: request.message });
    }
    const issued = await authority.issue(request, { nowMs: clock.now(), lifetimeMs, skewMs });
    return { ...issued, intermediatesDer: authority.intermediatesDer, trustAnchorsPem: authority.anchorsPem };
  };
}
