/** An application that dies, hangs, breaks off and closes connections: what clients see, and what the proxies keep of it. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type RunningProcess, startProcess } from "../support/run-process.ts";
import { assertNothingLeaked, type Baseline, measure } from "./support/leaks.ts";
import { ask, startLoad } from "./support/load.ts";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";
import { recordsOf } from "./support/proxy-process.ts";

const APP = fileURLToPath(new URL("support/unruly-app.ts", import.meta.url));
/** Kept connections end soon, so that what is left at rest is what a proxy needs. */
const SHORT_POOLS = {
  INBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT: "100ms",
  OUTBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT: "100ms",
};

describe("an application on a bad day", { skip: PAIR_MISSING }, () => {
  let pair: MeshPair;
  let app: RunningProcess;
  let baseline: Baseline;

  const startApp = async () => {
    app = startProcess(process.execPath, [APP, pair.server.appHost, String(pair.appPort)]);
    await app.waitFor(/listening/);
  };
  const killApp = async () => {
    app.child.kill("SIGKILL");
    await app.done;
  };

  before(async () => {
    pair = await startMeshPair({ clientEnv: SHORT_POOLS, serverEnv: SHORT_POOLS });
    await startApp();
    // Code is warm and caches are filled before anything is compared.
    const load = startLoad({ after() {} }, pair.entrance, 20);
    await load.more(2000);
    await load.stop();
  });
  after(async () => {
    await pair?.stop();
    await killApp();
  });
  beforeEach(async () => {
    baseline = await measure(pair);
  });
  afterEach(() => assertNothingLeaked(pair, baseline));

  test("killed under load: clients get 502 until it is back, and not one request is lost without an answer", async (t) => {
    const load = startLoad(t, pair.entrance, 20);
    await load.more(500);
    await killApp();
    await load.more(200);
    const whileGone = new Map(load.seen);
    await startApp();
    // The proxy tries again after a short while; then everything is well.
    for (let lastBad = -1; ; ) {
      await load.more(200);
      const bad = load.count() - (load.seen.get("200") ?? 0);
      if (bad === lastBad) break;
      lastBad = bad;
    }
    const seen = await load.stop();
    assert.deepEqual([...seen.keys()].sort(), ["200", "502"], JSON.stringify([...seen]));
    assert.ok(whileGone.get("502")! >= 150, "it was away, and clients were told");
  });

  test("killed: the record of the server's proxy says why, in a code", async () => {
    await killApp();
    assert.equal(await ask(pair.entrance, "/ok"), "502");
    const record = (await recordsOf(pair.server.proxy)).at(-1)!;
    assert.match(record.error, /ECONNREFUSED/);
    await startApp();
  });

  test("hanging: a client that gives up leaves nothing behind, and others are served meanwhile", async () => {
    const giveUp = new AbortController();
    const hanging = Array.from({ length: 100 }, () => ask(pair.entrance, "/hang", { signal: giveUp.signal }));
    for (let index = 0; index < 50; index++) assert.equal(await ask(pair.entrance, "/ok"), "200");
    giveUp.abort();
    assert.deepEqual([...new Set(await Promise.all(hanging))], ["ABORT_ERR"]);
  });

  test("stopped (SIGSTOP): requests wait, and are answered when it goes on", async () => {
    app.child.kill("SIGSTOP");
    const waiting = Array.from({ length: 20 }, () => ask(pair.entrance, "/ok"));
    // Nothing answers for it; the requests have arrived where they can.
    assert.equal(await Promise.race([waiting[0]!, pair.client.held().then(() => "waiting")]), "waiting");
    app.child.kill("SIGCONT");
    assert.deepEqual([...new Set(await Promise.all(waiting))], ["200"]);
  });

  test("reset within a body: the client's answer breaks off too, and is no whole one", async () => {
    const seen = await Promise.all(Array.from({ length: 100 }, () => ask(pair.entrance, "/half")));
    assert.deepEqual([...new Set(seen)], ["200, broken off"]);
  });

  test("closing idle connections at random: no idempotent request fails", async (t) => {
    const load = startLoad(t, pair.entrance, 10, "/random-close");
    await load.more(5000);
    const seen = await load.stop();
    assert.deepEqual([...seen.keys()], ["200"], JSON.stringify([...seen]));
  });
});
