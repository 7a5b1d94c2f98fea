/** The control plane goes away and returns, and time runs out meanwhile: what clients see, and what the proxies ask for afterwards. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { until } from "../support/until.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { assertNothingLeaked, measure } from "./support/leaks.ts";
import { ask, startLoad } from "./support/load.ts";
import { type MeshPair, PAIR_MISSING, type PairOptions, startMeshPair } from "./support/mesh-pair.ts";
import { talk } from "./support/sockets.ts";

const LINE = "not http at all\n";
/** A connection that is no HTTP is one of its own between the proxies too. @returns "" when it was refused */
const talkOpaque = (pair: MeshPair) => talk(pair.entrance, LINE).catch(() => "");

describe("the control plane is away", { skip: PAIR_MISSING }, () => {
  let pair: MeshPair;
  let app: EchoApp;
  let options: PairOptions = {};

  beforeEach(async () => {
    pair = await startMeshPair(options);
    app = await startEchoApp(pair);
  });
  afterEach(async () => {
    app?.stop();
    await pair?.stop();
  });

  test("killed and restarted under load: no request fails, each stream is opened once again, and what changes then counts", async (t) => {
    const warm = startLoad(t, pair.entrance, 10);
    await warm.more(1000);
    await warm.stop();
    const before = new Map(pair.calls);
    const baseline = await measure(pair);
    const load = startLoad(t, pair.entrance, 10);
    for (let round = 0; round < 3; round++) {
      await load.more(200);
      await pair.stopPlane();
      await load.more(1000);
      await pair.restartPlane();
      await until("streams to be back", () =>
        [...before].every(([name]) => name === "certify" || pair.calls.has(name)),
      );
      await load.more(200);
    }
    assert.deepEqual(
      [...(await load.stop())].map(([what]) => what),
      ["200"],
    );
    for (const [name, count] of pair.calls) {
      assert.ok(
        count <= (before.get(name) ?? 0),
        `${name}: ${count} calls after the return, ${before.get(name)} at the start`,
      );
    }
    pair.authorize(false);
    await until("the new policy to hold", async () => (await ask(pair.entrance, "/ok")) === "403");
    pair.authorize(true);
    await until("the old one to hold", async () => (await ask(pair.entrance, "/ok")) === "200");
    await assertNothingLeaked(pair, baseline);
  });

  describe("while certificates end", () => {
    const LIFE_MS = 6000;
    before(() => {
      options = {
        certificateMs: () => LIFE_MS,
        clientEnv: { IDENTITY_MIN_REFRESH: "500ms" },
        serverEnv: { IDENTITY_MIN_REFRESH: "500ms" },
      };
    });
    after(() => {
      options = {};
    });

    test("connections that stand go on, new ones are refused and never fall back to plaintext; its return heals it", async (t) => {
      assert.equal(await ask(pair.entrance, "/ok"), "200");
      assert.equal(await talkOpaque(pair), LINE);
      await pair.stopPlane();
      const { untilMs } = pair.certified();
      const load = startLoad(t, pair.entrance, 2);
      await until("the certificates to end", () => Date.now() > untilMs + 1000);
      await load.more(50);
      const reached = app.opaqueCount();
      assert.equal(await talkOpaque(pair), "", "no new connection");
      assert.equal(app.opaqueCount(), reached);
      await pair.restartPlane();
      await until("new certificates", () => pair.certified().count >= 4);
      await until("new connections to be possible", async () => (await talkOpaque(pair)) === LINE);
      await load.more(50);
      assert.deepEqual(
        [...(await load.stop())].map(([what]) => what),
        ["200"],
      );
    });
  });
});
