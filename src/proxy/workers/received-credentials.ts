import type { Credentials } from "../../identity/credentials.ts";
import type { CertificateMaterial } from "../../identity/mesh-credentials.ts";
import { createMeshContext } from "../../identity/mesh-tls.ts";
import type { ProxyConfig } from "../config.ts";

/** Credentials of a worker: the main thread asks for certificates and hands them over, key and all, within the process. */
export interface ReceivedCredentials extends Credentials {
  install(material: CertificateMaterial): void;
}

export function createReceivedCredentials({
  localName,
  serverName,
}: Pick<ProxyConfig["identity"], "localName" | "serverName">): ReceivedCredentials {
  const ready = Promise.withResolvers<void>();
  let current: ReturnType<Credentials["current"]>;
  return {
    localName,
    serverName,
    ready: ready.promise,
    current: () => current,
    install({ certificatePem, keyPem, trustAnchorsPem, expiresAtMs }) {
      const context = createMeshContext({ trustAnchorsPem, identity: { certificatePem, keyPem } });
      current = { client: context, server: context, expiresAtMs };
      ready.resolve();
    },
  };
}
