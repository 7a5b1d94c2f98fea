/** The wall clock jumps under running proxies: a machine that slept, or whose clock was set. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../support/until.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { createFakeTime, FAKE_TIME_MISSING, type FakeTime } from "./support/fake-time.ts";
import { assertNothingLeaked, measure } from "./support/leaks.ts";
import { startLoad } from "./support/load.ts";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";
import { recordsOf } from "./support/proxy-process.ts";
import { talk } from "./support/sockets.ts";

const LINE = "not http at all\n";

describe("the wall clock jumps", { skip: PAIR_MISSING || FAKE_TIME_MISSING }, () => {
  let time: FakeTime;
  let pair: MeshPair;
  let app: EchoApp;

  before(async () => {
    time = await createFakeTime();
    pair = await startMeshPair({
      processEnv: time.env,
      now: time.now,
      certificateMs: () => 12 * 3_600_000,
      clientEnv: { IDENTITY_MIN_REFRESH: "1s" },
      serverEnv: { IDENTITY_MIN_REFRESH: "1s" },
    });
    app = await startEchoApp(pair);
  });
  after(async () => {
    app?.stop();
    await pair?.stop();
    await time?.remove();
  });

  /** Two proxies, a certificate each. */
  const renewed = (before: number) =>
    until("both to have new certificates", () => pair.certified().count >= before + 2, 90_000);

  test("13 hours ahead, past the end of certificates: open connections go on, certificates are renewed, new connections work again; no request fails", async (t) => {
    const warm = startLoad(t, pair.entrance, 5);
    await warm.more(500);
    await warm.stop();
    const baseline = await measure(pair);
    const load = startLoad(t, pair.entrance, 5);
    await load.more(200);
    const { count } = pair.certified();
    await time.jump(13);
    await load.more(500);
    await renewed(count);
    await until("new connections", async () => (await talk(pair.entrance, LINE).catch(() => "")) === LINE);
    await load.more(200);
    assert.deepEqual([...(await load.stop()).keys()], ["200"]);
    const last = (await recordsOf(pair.client)).at(-1)!;
    assert.ok(Math.abs(last.openedAtMs - time.now()) < 60_000, "records have the new time");
    await assertNothingLeaked(pair, baseline);
  });

  test("2 hours back: no request fails, and durations stay positive", async (t) => {
    const load = startLoad(t, pair.entrance, 5);
    await load.more(200);
    await time.jump(-2);
    await load.more(2000);
    assert.deepEqual([...(await load.stop()).keys()], ["200"]);
    const requests = (await recordsOf(pair.client)).filter(({ protocol }) => protocol === "http/1");
    assert.ok(requests.length > 1000);
    assert.deepEqual(
      requests.filter(({ closedUs, responseUs }) => closedUs < 0 || responseUs < 0),
      [],
    );
    assert.match(await pair.client.admin("/metrics"), /request_total/);
  });
});
