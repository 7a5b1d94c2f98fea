import assert from "node:assert/strict";
import { before, type TestContext, test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import type { RefreshEvent } from "../../../src/identity/mesh-credentials.ts";
import type { Svid } from "../../../src/identity/svid.ts";
import { createSvidCredentials } from "../../../src/identity/svid-credentials.ts";
import { FakeClock, settle } from "../../support/clock.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";
import { issueSvid } from "../../support/test-svid.ts";

const WEB = "spiffe://mesh.example/web";
const API = "spiffe://mesh.example/api";
let ca: TestMeshCa;
before(async () => {
  ca = await createTestMeshCa();
});

interface Stream {
  send(svids: readonly Svid[]): void;
  end(error?: Error): void;
}

const FINAL = new Error("invalid argument");

/** Credentials that follow streams which the test makes say something. */
function follow(context: TestContext) {
  const clock = new FakeClock(Date.now());
  const streams: Stream[] = [];
  const events: RefreshEvent["kind"][] = [];
  const credentials = createSvidCredentials({
    localName: WEB,
    serverName: "web.mesh.example",
    follow: (onSvids) =>
      new Promise((resolve, reject) => {
        streams.push({ send: onSvids, end: (error) => (error ? reject(error) : resolve()) });
      }),
    isFinal: (error) => error === FINAL,
    backoff: { minMs: 100, maxMs: 1000, jitterRatio: 0 },
    clock,
    random: () => 0,
    log: silentLogger,
    onRefresh: ({ kind }) => events.push(kind),
  });
  const stop = new AbortController();
  const over = credentials.start(stop.signal);
  context.after(() => stop.abort());
  return { clock, credentials, streams, events, over };
}

test("the document with the own id is installed, wherever it stands, and replaced by the next", async (context) => {
  const { credentials, streams, events } = follow(context);
  streams[0]!.send([await issueSvid(ca, API), await issueSvid(ca, WEB)]);
  await credentials.ready;
  const first = credentials.current();
  assert.ok(first);
  streams[0]!.send([await issueSvid(ca, WEB)]);
  assert.notEqual(credentials.current()?.server, first.server);
  assert.deepEqual(events, ["installed", "installed"]);
});

test("a message without the own id, or with one that cannot be used, leaves what is there", async (context) => {
  const { credentials, streams, events } = follow(context);
  streams[0]!.send([await issueSvid(ca, API)]);
  assert.equal(credentials.current(), undefined);
  streams[0]!.send([await issueSvid(ca, WEB)]);
  const installed = credentials.current();
  streams[0]!.send([]);
  streams[0]!.send([{ ...(await issueSvid(ca, WEB)), keyDer: Buffer.alloc(3) }]);
  assert.equal(credentials.current(), installed);
  assert.deepEqual(events, ["failed", "installed", "failed", "failed"]);
});

test("a stream that ends is opened again after a back-off, which a message resets", async (context) => {
  const { clock, streams } = follow(context);
  for (const waitMs of [100, 200, 400, 800, 1000, 1000]) {
    streams.at(-1)!.end(new Error("unavailable"));
    await settle();
    assert.equal(clock.nextDelayMs, waitMs);
    clock.advance(waitMs);
    await settle();
  }
  streams.at(-1)!.send([await issueSvid(ca, WEB)]);
  streams.at(-1)!.end();
  await settle();
  assert.equal(clock.nextDelayMs, 100);
});

test("an answer that would only come again ends it; the certificate stays", async (context) => {
  const { clock, credentials, streams, over } = follow(context);
  streams[0]!.send([await issueSvid(ca, WEB)]);
  streams[0]!.end(FINAL);
  await over;
  assert.equal(clock.pending, 0);
  assert.equal(streams.length, 1);
  assert.ok(credentials.current());
});
