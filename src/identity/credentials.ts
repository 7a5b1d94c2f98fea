import type { SecureContext } from "node:tls";

/** The process's own mesh certificate and trust, as they are now; both contexts are replaced on rotation. */
export interface Credentials {
  /** DNS-like name of this workload. */
  readonly localName: string;
  /** Resolves when the first certificate is installed. */
  readonly ready: Promise<void>;
  /** TLS 1.3, own certificate, trust anchors; undefined before the first certificate. */
  current():
    | { readonly client: SecureContext; readonly server: SecureContext; readonly expiresAtMs: number }
    | undefined;
}
