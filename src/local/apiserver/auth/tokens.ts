import { createHash, createPublicKey, type KeyObject, randomUUID, sign, verify } from "node:crypto";
import type { Clock } from "../../../base/clock.ts";
import type { UserInfo } from "../context.ts";
import type { Store } from "../store.ts";

export const ISSUER = "https://kubernetes.default.svc.cluster.local";

export interface TokenRequestOptions {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Empty: the API server's own. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The token dies with this pod. */
  readonly pod?: { readonly name: string; readonly uid: string; readonly nodeName?: string };
}

export interface IssuedToken {
  readonly token: string;
  readonly expirationTimestamp: string;
}

export type TokenVerdict =
  | { readonly ok: true; readonly user: UserInfo; readonly audiences: readonly string[] }
  | { readonly ok: false; readonly error: string };

/** Service-account tokens: JWTs (ES256) bound to their account and, when asked, to a pod. */
export interface Tokens {
  /** @returns undefined when there is no such account */
  mint(options: TokenRequestOptions): IssuedToken | undefined;
  /** @param audiences one of them must be in the token; empty means the API server's own */
  verify(token: string, audiences: readonly string[]): TokenVerdict;
  /** The public key, as OIDC discovery gives it. */
  readonly jwks: unknown;
}

interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly nbf: number;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly serviceaccount: { readonly name: string; readonly uid: string };
    readonly pod?: { readonly name: string; readonly uid: string };
    readonly node?: { readonly name: string };
  };
}

export function createTokens(key: KeyObject, store: Store, clock: Clock): Tokens {
  const publicKey = createPublicKey(key);
  const jwk = publicKey.export({ format: "jwk" });
  const kid = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64url");
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return {
    jwks: { keys: [{ ...jwk, use: "sig", alg: "ES256", kid }] },
    mint({ namespace, serviceAccount, audiences, expirationSeconds, pod }) {
      const account = store.get("/serviceaccounts", namespace, serviceAccount);
      if (!account) return undefined;
      const now = Math.floor(clock.now() / 1000);
      const claims = {
        iss: ISSUER,
        sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
        aud: audiences.length > 0 ? audiences : [ISSUER],
        exp: now + expirationSeconds,
        iat: now,
        nbf: now,
        jti: randomUUID(),
        "kubernetes.io": {
          namespace,
          serviceaccount: { name: serviceAccount, uid: account.metadata.uid },
          ...(pod ? { pod: { name: pod.name, uid: pod.uid } } : {}),
          ...(pod?.nodeName ? { node: { name: pod.nodeName } } : {}),
        },
      };
      const body = `${part({ alg: "ES256", kid })}.${part(claims)}`;
      const signature = sign("sha256", Buffer.from(body), { key, dsaEncoding: "ieee-p1363" });
      return {
        token: `${body}.${signature.toString("base64url")}`,
        expirationTimestamp: `${new Date((now + expirationSeconds) * 1000).toISOString().slice(0, 19)}Z`,
      };
    },
    verify(token, audiences) {
      const refuse = (error: string): TokenVerdict => ({ ok: false, error });
      const [head, body, signature, ...rest] = token.split(".");
      if (!head || !body || !signature || rest.length > 0) return refuse("invalid bearer token: not a JWT");
      // The algorithm is ours, whatever the header says.
      const valid = verify(
        "sha256",
        Buffer.from(`${head}.${body}`),
        { key: publicKey, dsaEncoding: "ieee-p1363" },
        Buffer.from(signature, "base64url"),
      );
      if (!valid) return refuse("invalid bearer token: the signature is not this cluster's");
      const claims = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as Claims;
      const now = clock.now() / 1000;
      if (claims.iss !== ISSUER) return refuse("invalid bearer token: unknown issuer");
      if (now >= claims.exp) return refuse("invalid bearer token: service account token has expired");
      if (now < claims.nbf - 60) return refuse("invalid bearer token: not valid yet");
      const wanted = audiences.length > 0 ? audiences : [ISSUER];
      const common = wanted.filter((audience) => claims.aud.includes(audience));
      if (common.length === 0) {
        return refuse(
          `invalid bearer token: token audiences ${JSON.stringify(claims.aud)} is invalid for the target audiences ${JSON.stringify(wanted)}`,
        );
      }
      const { namespace, serviceaccount, pod, node } = claims["kubernetes.io"];
      const account = store.get("/serviceaccounts", namespace, serviceaccount.name);
      if (account?.metadata.uid !== serviceaccount.uid) {
        return refuse(
          `invalid bearer token: service account ${namespace}/${serviceaccount.name} has been deleted`,
        );
      }
      if (pod && store.get("/pods", namespace, pod.name)?.metadata.uid !== pod.uid) {
        return refuse(`invalid bearer token: pod ${namespace}/${pod.name} has been deleted`);
      }
      return {
        ok: true,
        audiences: common,
        user: {
          name: claims.sub,
          uid: serviceaccount.uid,
          groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
          extra: {
            ...(pod
              ? {
                  "authentication.kubernetes.io/pod-name": [pod.name],
                  "authentication.kubernetes.io/pod-uid": [pod.uid],
                }
              : {}),
            ...(node ? { "authentication.kubernetes.io/node-name": [node.name] } : {}),
          },
        },
      };
    },
  };
}
