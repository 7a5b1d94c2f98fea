import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { createOwnTokenReviewer, signToken } from "../../../../src/control/identity/own-tokens.ts";
import { issueToken } from "../../../../src/control/standalone/issue-token.ts";
import { FakeClock } from "../../../support/clock.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ACCOUNT = { namespace: "demo", name: "web" };

test("a token of our own proves its service account until it ends", async () => {
  const clock = new FakeClock();
  const review = createOwnTokenReviewer(privateKey, clock);
  const token = signToken(privateKey, ACCOUNT, { nowMs: clock.now(), lifetimeMs: 60_000 });
  assert.deepEqual(await review(token), {
    kind: "authenticated",
    username: "system:serviceaccount:demo:web",
  });
  clock.advance(60_000);
  const verdict = await review(token);
  assert.equal(verdict.kind, "unauthenticated");
  assert.match(verdict.kind === "unauthenticated" ? verdict.reason : "", /^it ended at /);
});

test("tokens of other keys, altered ones, and ones that say they need no signature prove nothing", async () => {
  const clock = new FakeClock();
  const review = createOwnTokenReviewer(privateKey, clock);
  const token = signToken(privateKey, ACCOUNT, { nowMs: clock.now(), lifetimeMs: 60_000 });
  const [head, body, signature] = token.split(".") as [string, string, string];
  const other = JSON.parse(Buffer.from(body, "base64url").toString());
  const altered = Buffer.from(JSON.stringify({ ...other, sub: "system:serviceaccount:demo:admin" })).toString(
    "base64url",
  );
  const none = Buffer.from('{"alg":"none"}').toString("base64url");
  const stranger = signToken(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, ACCOUNT, {
    nowMs: clock.now(),
    lifetimeMs: 60_000,
  });
  for (const bad of [
    stranger,
    `${head}.${altered}.${signature}`,
    `${none}.${body}.`,
    `${head}.${body}.AAAA`,
  ]) {
    assert.equal((await review(bad)).kind, "unauthenticated", bad);
  }
});

test("a name that could not be part of an identity gets no token", () => {
  const times = { nowMs: 0, lifetimeMs: 1000 };
  for (const account of [
    { namespace: "demo", name: "web.other" },
    { namespace: "Demo", name: "web" },
    { namespace: "demo", name: "a:b" },
  ]) {
    assert.throws(() => issueToken(privateKey, account, times), { code: "CONTROL_BAD_ACCOUNT" });
  }
});
