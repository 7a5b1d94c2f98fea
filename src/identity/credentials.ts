import type { SecureContext } from "node:tls";

/** The process's own mesh certificate and trust, as they are now; both contexts are replaced on rotation. */
export interface Credentials {
  /** Identity of this workload: DNS-like, or a `spiffe://` URI. */
  readonly localName: string;
  /** Name by which others ask for it in their ClientHello; absent: the identity. */
  readonly serverName?: string;
  /** Resolves when the first certificate is installed. */
  readonly ready: Promise<void>;
  /** TLS 1.3, own certificate, trust anchors; undefined before the first certificate. */
  current():
    | { readonly client: SecureContext; readonly server: SecureContext; readonly expiresAtMs: number }
    | undefined;
}

/** What stands in the ClientHello of those who mean this process. */
export function ownName({ serverName, localName }: Pick<Credentials, "localName" | "serverName">): string {
  return serverName ?? localName;
}
