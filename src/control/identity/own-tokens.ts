import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { TOKEN_AUDIENCE } from "../../base/names.ts";
import type { ReviewToken } from "./token-review.ts";

const ISSUER = "meshctl";
const HEAD = { alg: "ES256", typ: "JWT" };

interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  /** Seconds since the epoch. */
  readonly exp: number;
  readonly iat: number;
}

/**
 * Signs a token for a service account, where no Kubernetes does.
 *
 * @param key  ECDSA P-256, private
 */
export function signToken(
  key: KeyObject,
  account: { readonly namespace: string; readonly name: string },
  times: { readonly nowMs: number; readonly lifetimeMs: number },
): string {
  const iat = Math.floor(times.nowMs / 1000);
  const claims: Claims = {
    iss: ISSUER,
    sub: `system:serviceaccount:${account.namespace}:${account.name}`,
    aud: TOKEN_AUDIENCE,
    exp: iat + Math.floor(times.lifetimeMs / 1000),
    iat,
  };
  const body = `${encode(HEAD)}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(body), { key, dsaEncoding: "ieee-p1363" });
  return `${body}.${signature.toString("base64url")}`;
}

/** Reviews tokens that `signToken` made with the same key. */
export function createOwnTokenReviewer(key: KeyObject, clock: Clock): ReviewToken {
  const publicKey = createPublicKey(key);
  return async (token) => {
    const refuse = (reason: string) => ({ kind: "unauthenticated" as const, reason });
    const [head = "", body = "", signature = ""] = token.split(".");
    // The algorithm is ours, whatever the head says.
    const isSigned = verify(
      "sha256",
      Buffer.from(`${head}.${body}`),
      { key: publicKey, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url"),
    );
    if (!isSigned) return refuse("this control plane did not sign it");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as Claims;
    if (claims.iss !== ISSUER || claims.aud !== TOKEN_AUDIENCE) return refuse("it is for something else");
    if (clock.now() >= claims.exp * 1000) {
      return refuse(`it ended at ${new Date(claims.exp * 1000).toISOString()}`);
    }
    return { kind: "authenticated", username: claims.sub };
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
