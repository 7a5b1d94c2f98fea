import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../../src/base/clock.ts";
import type { OutboundPolicy } from "../../../../src/policy/outbound.ts";
import type { OutboundTarget, Watched } from "../../../../src/proxy/dependencies.ts";
import { mergePolicy } from "../../../../src/proxy/discovery/merge-policy.ts";
import { targetName } from "../../../../src/proxy/outbound/discover.ts";
import { overrideTargets } from "../../../../src/proxy/outbound/ingress.ts";
import { RequestTargets } from "../../../../src/proxy/outbound/request-targets.ts";
import { Fields } from "../../../../src/wire/http1-fields.ts";
import { settle } from "../../../support/clock.ts";

const ORIGINAL: OutboundTarget = { kind: "address", ip: "10.0.0.9", port: 8080 };
const UNKNOWN = mergePolicy({ target: ORIGINAL, profile: undefined, policy: undefined, addresses: [] });
const policyOf = (name: string) => ({ ...UNKNOWN, meta: { ...UNKNOWN.meta, kind: "Service", name } });

/** A control plane that knows `web` and `api`, and counts who is held. */
function setUp() {
  const held = new Map<string, number>();
  const watched = (name: string, current: OutboundPolicy): Watched<OutboundPolicy> => ({
    current,
    onChange: () => () => {},
    release: () => void held.set(name, held.get(name)! - 1),
  });
  const discovery = {
    async target(target: OutboundTarget) {
      const name = targetName(target);
      held.set(name, (held.get(name) ?? 0) + 1);
      const isKnown = /^(web|api|s\d+)\.demo/.test(name);
      return watched(name, isKnown ? policyOf(name) : UNKNOWN);
    },
  };
  const targets = new RequestTargets({
    discovery,
    clock: systemClock,
    config: { outbound: { failfastTimeoutMs: 60_000 } },
  } as never);
  const asked: string[] = [];
  const failed: string[] = [];
  const handler = overrideTargets(
    { handle: (_exchange, policy) => void asked.push(policy.meta.name) },
    watched("original", policyOf("original")),
    targets,
  );
  const send = async (override?: string) => {
    const fields = new Fields();
    if (override !== undefined) fields.append("L5d-Dst-Override", override);
    const live = { target: "10.0.0.9:8080" };
    handler.handle({
      request: { fields },
      live,
      fail: (error: { code: string }) => void failed.push(error.code),
    } as never);
    await settle();
    return { fields, live };
  };
  return { send, asked, failed, held, targets };
}

test("a request goes to the service that its ingress names, which the service does not see", async () => {
  const { send, asked, failed } = setUp();
  const { fields, live } = await send("web.demo.svc.cluster.local:8080");
  assert.deepEqual(asked, ["web.demo.svc.cluster.local:8080"]);
  assert.equal(fields.has("l5d-dst-override"), false);
  assert.equal(live.target, "web.demo.svc.cluster.local:8080");
  await send("API.demo.svc.cluster.local.");
  assert.equal(asked[1], "api.demo.svc.cluster.local:80");
  assert.deepEqual(failed, []);
});

test("a request without the header goes where its connection went", async () => {
  const { send, asked, held } = setUp();
  await send();
  assert.deepEqual(asked, ["original"]);
  assert.equal(held.size, 0);
});

test("a name that no service has is refused: nobody has the proxy call any host", async () => {
  const { send, asked, failed } = setUp();
  await send("example.com:443");
  assert.deepEqual([asked, failed], [[], ["OUTBOUND_INVALID_TARGET"]]);
});

for (const text of ["", "web:0", "web:99999", "web demo:80", "http://web", "a/b:80"]) {
  test(`an override that is no name is refused: ${JSON.stringify(text)}`, async () => {
    const { send, failed } = setUp();
    await send(text);
    assert.deepEqual(failed, ["TARGET_MISSING"]);
  });
}

test("services are held while the connection lives, the longest unused of too many let go", async () => {
  const { send, held, targets } = setUp();
  for (let index = 0; index < 64; index++) await send(`s${index}.demo:80`);
  await send("s0.demo:80");
  await send("s64.demo:80");
  assert.equal(held.get("s0.demo:80"), 1);
  assert.equal(held.get("s1.demo:80"), 0);
  targets.release();
  await settle();
  assert.ok([...held.values()].every((count) => count === 0));
});
