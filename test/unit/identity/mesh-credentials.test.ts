import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createWorkloadKey } from "../../../src/identity/csr.ts";
import {
  type CertifyAnswer,
  type CertifyRequest,
  createCredentials,
  type RefreshEvent,
} from "../../../src/identity/mesh-credentials.ts";
import { FakeClock, settle } from "../../support/clock.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";

const NAME = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const HOUR_MS = 3_600_000;
let ca: TestMeshCa;
before(async () => {
  ca = await createTestMeshCa();
});

/** Issuing takes real asynchronous work (WebCrypto), so a test waits for the event itself. */
function setUp(
  certify: (request: CertifyRequest, clock: FakeClock, attempt: number) => Promise<CertifyAnswer>,
) {
  const clock = new FakeClock();
  const events: RefreshEvent[] = [];
  let wake = Promise.withResolvers<void>();
  let attempt = 0;
  const asked = () => attempt;
  const credentials = createCredentials({
    localName: NAME,
    trustAnchorsPem: ca.anchorsPem,
    trustAnchorsOrigin: "test",
    certify: (request) => certify(request, clock, attempt++),
    clock,
    random: () => 0,
    log: silentLogger,
    minRefreshMs: 10_000,
    maxRefreshMs: 24 * HOUR_MS,
    onRefresh: (event) => {
      events.push(event);
      wake.resolve();
      wake = Promise.withResolvers();
    },
  });
  const stop = new AbortController();
  const run = credentials.start(stop.signal);
  return {
    clock,
    credentials,
    events,
    /** Resolves at the next event and after the schedule that follows it. */
    next: async () => {
      await wake.promise;
      await settle();
      return events.at(-1)!;
    },
    /** The next certificate is asked for when so much time has passed, and not a millisecond before. */
    assertNextAfter: async (waitMs: number) => {
      const count = asked();
      clock.advance(waitMs - 1);
      await settle();
      assert.equal(asked(), count);
      const event = wake.promise;
      clock.advance(1.001);
      await event;
      await settle();
      assert.equal(asked(), count + 1);
    },
    stop: async () => {
      stop.abort();
      await run;
    },
  };
}

const issue =
  (lifeMs: number) =>
  async ({ requestDer }: CertifyRequest, clock: FakeClock): Promise<CertifyAnswer> => {
    const untilMs = clock.now() + lifeMs;
    // X.509 counts in seconds.
    const { leafDer, chainDer } = await ca.sign(requestDer, {
      fromMs: clock.now() - 60_000,
      untilMs: untilMs + 1000,
    });
    return { leafDer, intermediatesDer: chainDer, validUntilMs: untilMs };
  };

const unavailable = async (): Promise<CertifyAnswer> => {
  throw new MeshError({ kind: "environment", code: "CONTROL_UNAVAILABLE", message: "nobody there" });
};

test("credentials have no certificate before the first answer, and are ready after it", async () => {
  const { credentials, next, clock, stop } = setUp(issue(HOUR_MS));
  assert.equal(credentials.current(), undefined);
  assert.equal((await next()).kind, "installed");
  await credentials.ready;
  assert.equal(credentials.current()?.expiresAtMs, clock.now() + HOUR_MS);
  await stop();
});

test("credentials renew at 70 % of what is left", async () => {
  const { clock, next, assertNextAfter, credentials, stop } = setUp(issue(HOUR_MS));
  await next();
  const first = credentials.current();
  await assertNextAfter(0.7 * HOUR_MS);
  assert.notEqual(credentials.current(), first);
  assert.equal(credentials.current()?.expiresAtMs, clock.now() + HOUR_MS);
  await stop();
});

test("credentials never renew more often than the minimum", async () => {
  const { clock, next, stop } = setUp(issue(5000));
  await next();
  assert.equal(clock.nextDelayMs, 10_000);
  await stop();
});

test("credentials never wait longer than the maximum", async () => {
  const { next, assertNextAfter, stop } = setUp(issue(1000 * HOUR_MS));
  await next();
  await assertNextAfter(24 * HOUR_MS);
  await stop();
});

test("credentials retry quickly at first, doubling up to the minimum refresh", async () => {
  const { clock, next, stop, credentials } = setUp(unavailable);
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    assert.equal((await next()).kind, "failed");
    waits.push(clock.nextDelayMs!);
    if (attempt < 7) clock.advance(clock.nextDelayMs!);
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(credentials.current(), undefined);
  await stop();
});

test("credentials keep the old certificate when renewal fails, and wait 70 % of what it has left", async () => {
  const { clock, next, assertNextAfter, credentials, stop } = setUp((request, fake, attempt) =>
    attempt === 0 ? issue(HOUR_MS)(request, fake) : unavailable(),
  );
  await next();
  const first = credentials.current();
  const failed = next();
  clock.advance(0.7 * HOUR_MS);
  assert.equal((await failed).kind, "failed");
  assert.equal(credentials.current(), first);
  await assertNextAfter(0.7 * 0.3 * HOUR_MS);
  await stop();
});

test("credentials ask without a certificate once it has ended, or once asking failed: it may have been the reason", async () => {
  const { clock, next, credentials, stop } = setUp((request, fake, attempt) =>
    attempt === 1 ? unavailable() : issue(HOUR_MS)(request, fake),
  );
  assert.equal(credentials.asking, credentials.anonymous);
  await next();
  assert.equal(credentials.asking, credentials.current()!.client);
  const failed = next();
  clock.advance(0.7 * HOUR_MS);
  await failed;
  assert.equal(credentials.asking, credentials.anonymous);
  const renewed = next();
  clock.advance(0.7 * 0.3 * HOUR_MS + 1);
  await renewed;
  assert.equal(credentials.asking, credentials.current()!.client);
  clock.jump(HOUR_MS);
  assert.equal(credentials.asking, credentials.anonymous);
  await stop();
});

test("credentials renew soon after the wall clock has jumped ahead: the machine slept, or its clock was set", async () => {
  const { clock, next, credentials, stop } = setUp(issue(24 * HOUR_MS));
  await next();
  const renewed = next();
  clock.jump(20 * HOUR_MS);
  clock.advance(30_000);
  await renewed;
  assert.equal(credentials.current()!.expiresAtMs, clock.now() + 24 * HOUR_MS);
  await stop();
});

test("credentials renew as planned when the wall clock was set back", async () => {
  const { clock, next, stop } = setUp(issue(24 * HOUR_MS));
  await next();
  clock.jump(-20 * HOUR_MS);
  const renewed = next();
  clock.advance(0.7 * 24 * HOUR_MS + 1);
  await renewed;
  await stop();
});

test("credentials stop asking when aborted", async () => {
  const { clock, next, stop } = setUp(issue(HOUR_MS));
  await next();
  await stop();
  assert.equal(clock.pending, 0);
});

describe("credentials refuse a certificate", () => {
  const refusals: readonly (readonly [
    why: string,
    certify: (request: CertifyRequest, clock: FakeClock) => Promise<CertifyAnswer>,
    pattern: RegExp,
  ])[] = [
    [
      "for another name",
      async () => {
        const { leafDer, chainDer } = await ca.issue({
          names: ["other"],
          key: createWorkloadKey(),
          fromMs: 0,
        });
        return { leafDer, intermediatesDer: chainDer, validUntilMs: Date.now() };
      },
      /is for other, not for web\.demo/,
    ],
    [
      "of another authority",
      async ({ requestDer }, clock) => {
        const other = await createTestMeshCa();
        const { leafDer, chainDer } = await other.sign(requestDer, {
          fromMs: clock.now() - 1,
          untilMs: clock.now() + 5000,
        });
        return { leafDer, intermediatesDer: chainDer, validUntilMs: clock.now() + 5000 };
      },
      /does not lead to a trust anchor/,
    ],
    [
      "without the intermediate that links it",
      async (request, clock) => ({ ...(await issue(HOUR_MS)(request, clock)), intermediatesDer: [] }),
      /does not lead to a trust anchor/,
    ],
    [
      "for another key",
      async (_request, clock) => {
        const { leafDer, chainDer } = await ca.issue({
          names: [NAME],
          key: createWorkloadKey(),
          fromMs: clock.now() - 1000,
          untilMs: clock.now() + HOUR_MS,
        });
        return { leafDer, intermediatesDer: chainDer, validUntilMs: clock.now() + HOUR_MS };
      },
      /another key/,
    ],
    [
      "that is not valid yet, naming both clocks",
      async ({ requestDer }, clock) => {
        const fromMs = clock.now() + HOUR_MS;
        const { leafDer, chainDer } = await ca.sign(requestDer, { fromMs, untilMs: fromMs + HOUR_MS });
        return { leafDer, intermediatesDer: chainDer, validUntilMs: fromMs + HOUR_MS };
      },
      /not valid before 2026-01-02T04:.*clock says 2026-01-02T03:04:05/,
    ],
    [
      "that has expired",
      async ({ requestDer }, clock) => {
        const untilMs = clock.now() - HOUR_MS;
        const { leafDer, chainDer } = await ca.sign(requestDer, { fromMs: untilMs - HOUR_MS, untilMs });
        return { leafDer, intermediatesDer: chainDer, validUntilMs: untilMs };
      },
      /expired at 2026-01-02T02:/,
    ],
    [
      "whose valid_until is past",
      async (request, clock) => ({
        ...(await issue(HOUR_MS)(request, clock)),
        validUntilMs: clock.now() - 1,
      }),
      /which is past/,
    ],
    [
      "that is no DER",
      async (request, clock) => ({
        ...(await issue(HOUR_MS)(request, clock)),
        leafDer: Buffer.from("-----BEGIN"),
      }),
      /leaf certificate cannot be read/,
    ],
  ];
  for (const [why, certify, pattern] of refusals) {
    test(why, async () => {
      const { next, credentials, stop } = setUp(certify);
      const event = await next();
      assert.ok(event.kind === "failed");
      assert.match(event.error.message, pattern);
      assert.equal(credentials.current(), undefined);
      await stop();
    });
  }
});

test("credentials refuse trust anchors that are none", () => {
  assert.throws(
    () =>
      createCredentials({
        localName: NAME,
        trustAnchorsPem: "nothing",
        trustAnchorsOrigin: "MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS",
        certify: unavailable,
        clock: new FakeClock(),
        random: () => 0,
        log: silentLogger,
        minRefreshMs: 1,
        maxRefreshMs: 1,
      }),
    (error: MeshError) =>
      error.code === "IDENTITY_TRUST_ANCHORS_INVALID" &&
      /MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS/.test(error.message),
  );
});
