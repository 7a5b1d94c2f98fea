type HeaderList = readonly (readonly [name: string, value: string])[];

/** Headers whose value is a secret by definition. */
const CREDENTIALS = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "x-auth-token",
  "x-csrf-token",
  "x-xsrf-token",
  "x-amz-security-token",
  "x-goog-iam-authorization-token",
  "x-vault-token",
  "www-authenticate",
  "proxy-authenticate",
  "authentication-info",
]);

/** Names that end like this are secrets of somebody's own making: `x-acme-token`, `client-secret`. */
const CREDENTIAL_NAME =
  /(?:^|[-_])(?:token|secret|password|passwd|apikey|api-key|signature|credential|credentials|session)$/;

/** A copy in which the values of credentials are `***`: no tap ever shows them. */
export function maskHeaders(headers: HeaderList): HeaderList {
  return headers.map(([name, value]) => [name, isCredential(name.toLowerCase()) ? "***" : value] as const);
}

function isCredential(lowerName: string): boolean {
  return CREDENTIALS.has(lowerName) || CREDENTIAL_NAME.test(lowerName);
}
