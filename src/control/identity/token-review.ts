import { TOKEN_AUDIENCE } from "../../base/names.ts";
import type { KubeClient } from "../../kube/client.ts";

/** Who a service-account token belongs to, or why it belongs to nobody. */
export type TokenVerdict =
  | { readonly kind: "authenticated"; readonly username: string }
  | { readonly kind: "unauthenticated"; readonly reason: string };

/** Asks the API server about a token. */
export type ReviewToken = (token: string) => Promise<TokenVerdict>;

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly error?: string;
    readonly user?: { readonly username?: string };
  };
}

const PATH = "/apis/authentication.k8s.io/v1/tokenreviews";

/** Reviews tokens for audience `identity.l5d.io`; API servers without audiences are asked again without one. */
export function createTokenReviewer(client: KubeClient): ReviewToken {
  const review = (token: string, audiences: readonly string[]) =>
    client.request<TokenReview>("POST", PATH, {
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token, ...(audiences.length > 0 ? { audiences } : {}) },
      },
      timeoutMs: 10_000,
    });
  return async (token) => {
    let { status } = await review(token, [TOKEN_AUDIENCE]);
    // The only sign that such a server gives; upstream reads the same words.
    if (status?.error?.includes("token audiences")) ({ status } = await review(token, []));
    if (status?.authenticated === true && status.user?.username) {
      return { kind: "authenticated", username: status.user.username };
    }
    return { kind: "unauthenticated", reason: status?.error || "the API server does not know the token" };
  };
}

/** Whether this process may review tokens: without that, identity can do nothing. Undefined: the server did not say. */
export async function mayReviewTokens(client: KubeClient): Promise<boolean | undefined> {
  const answer = await client.request<{ status?: { allowed?: boolean } }>(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    {
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: {
          resourceAttributes: { group: "authentication.k8s.io", resource: "tokenreviews", verb: "create" },
        },
      },
    },
  );
  return answer.status?.allowed;
}
