import assert from "node:assert/strict";
import { test } from "node:test";
import { createTokenReviewer } from "../../../../src/control/identity/token-review.ts";
import type { KubeClient } from "../../../../src/kube/client.ts";

function reviewerWith(...statuses: object[]) {
  const audiences: unknown[] = [];
  const client = {
    async request(_method: string, _path: string, { body }: { body: { spec: { audiences?: unknown } } }) {
      audiences.push(body.spec.audiences);
      return { status: statuses.shift() };
    },
  } as unknown as KubeClient;
  return { review: createTokenReviewer(client), audiences };
}

test("token reviewer asks for the mesh's audience", async () => {
  const { review, audiences } = reviewerWith({
    authenticated: true,
    user: { username: "system:serviceaccount:demo:web" },
  });
  assert.deepEqual(await review("t"), { kind: "authenticated", username: "system:serviceaccount:demo:web" });
  assert.deepEqual(audiences, [["identity.l5d.io"]]);
});

test("token reviewer asks again without audience where the API server has none", async () => {
  const { review, audiences } = reviewerWith(
    { error: "the API server does not support token audiences" },
    { authenticated: true, user: { username: "system:serviceaccount:demo:web" } },
  );
  assert.equal((await review("t")).kind, "authenticated");
  assert.deepEqual(audiences, [["identity.l5d.io"], undefined]);
});

test("token reviewer does not ask again when the token is bad", async () => {
  const { review, audiences } = reviewerWith({ authenticated: false, error: "token has expired" });
  assert.deepEqual(await review("t"), { kind: "unauthenticated", reason: "token has expired" });
  assert.equal(audiences.length, 1);
});
