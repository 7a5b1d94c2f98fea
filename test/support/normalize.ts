/** Masks what differs between two runs of the same command. One function for each kind, with its reason. */
export function normalize(text: string): string {
  return maskPem(maskEncodedPem(maskTrustRootHash(text)));
}

/** Certificates and keys are generated: new ones at each run. */
function maskPem(text: string): string {
  return text.replace(/( *)-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \2-----/g, "$1<PEM $2>");
}

/** The same in Secrets and webhook configurations, base64 of "-----BEGIN". */
function maskEncodedPem(text: string): string {
  return text.replace(/LS0tLS1CRUdJTi[A-Za-z0-9+/=]+/g, "<base64 PEM>");
}

/** Digest of generated trust anchors. */
function maskTrustRootHash(text: string): string {
  return text.replace(/(trust-root-sha256"?: ?)"?[0-9a-f]{64}"?/g, "$1<sha256>");
}
