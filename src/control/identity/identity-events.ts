import { hash } from "node:crypto";
import { IDENTITY_SERVICE } from "../../base/names.ts";
import type { KubeEvent } from "../event-writer.ts";

/** What identity has to tell those who run the cluster. */
export interface IdentityEvents {
  issuerUpdated(expiresAtMs: number): void;
  /** New files are not valid; the old issuer goes on. */
  issuerUpdateSkipped(problem: string): void;
  issuerValidationFailed(problem: string): void;
  issued(
    account: { readonly namespace: string; readonly name: string },
    leafDer: Uint8Array,
    untilMs: number,
  ): void;
}

/** Where there is no Kubernetes, the log has it. */
export const NO_IDENTITY_EVENTS: IdentityEvents = {
  issuerUpdated() {},
  issuerUpdateSkipped() {},
  issuerValidationFailed() {},
  issued() {},
};

/** As Events of the Deployment, and of the ServiceAccounts that certificates are for (reference control-plane 5). */
export function createIdentityEvents(write: (event: KubeEvent) => void, namespace: string): IdentityEvents {
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", name: IDENTITY_SERVICE };
  const about = (type: KubeEvent["type"], reason: string, message: string) =>
    write({ type, reason, message, namespace, object: deployment });
  return {
    issuerUpdated: (expiresAtMs) =>
      about("Normal", "IssuerUpdated", `the issuer was replaced; it is valid until ${timeOf(expiresAtMs)}`),
    issuerUpdateSkipped: (problem) =>
      about("Warning", "IssuerUpdateSkipped", `the issuer was not replaced: ${problem}`),
    issuerValidationFailed: (problem) => about("Warning", "IssuerValidationFailed", problem),
    issued: (account, leafDer, untilMs) =>
      write({
        type: "Normal",
        reason: "IssuedLeafCertificate",
        message: `issued certificate for ${account.name} until ${timeOf(untilMs)}: sha256 ${hash("sha256", leafDer, "hex")}`,
        namespace: account.namespace,
        object: { apiVersion: "v1", kind: "ServiceAccount", name: account.name },
      }),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
