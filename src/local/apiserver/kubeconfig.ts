import type { PemPair } from "./auth/pki.ts";

/** A kubeconfig with everything embedded, so that one file is all that a client needs. */
export function renderKubeconfig(options: {
  readonly cluster: string;
  readonly url: string;
  readonly caPem: string;
  readonly user: string;
  readonly client: PemPair;
}): string {
  const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
  const quoted = JSON.stringify;
  return [
    "apiVersion: v1",
    "kind: Config",
    `current-context: ${quoted(options.cluster)}`,
    "clusters:",
    `- name: ${quoted(options.cluster)}`,
    "  cluster:",
    `    server: ${quoted(options.url)}`,
    `    certificate-authority-data: ${base64(options.caPem)}`,
    "contexts:",
    `- name: ${quoted(options.cluster)}`,
    "  context:",
    `    cluster: ${quoted(options.cluster)}`,
    `    user: ${quoted(options.user)}`,
    "users:",
    `- name: ${quoted(options.user)}`,
    "  user:",
    `    client-certificate-data: ${base64(options.client.certPem)}`,
    `    client-key-data: ${base64(options.client.keyPem)}`,
    "",
  ].join("\n");
}
