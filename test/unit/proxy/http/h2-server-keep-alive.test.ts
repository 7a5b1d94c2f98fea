import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { LiveTransport } from "../../../../src/observe/live-exchange.ts";
import { H2ServerConnection } from "../../../../src/proxy/http/h2-server-connection.ts";
import { H2_PREFACE } from "../../../../src/wire/h2-protocol.ts";
import { DEFAULT_H2_SETTINGS } from "../../../../src/wire/h2-settings.ts";
import { FakeClock } from "../../../support/clock.ts";
import { describeFrames, frame } from "../../wire/h2-support.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
const unused = (): never => assert.fail("no request was sent");

/** A client that only this test plays, connected to a server with PINGs after 10 s, answers due in 3 s. */
async function connect(keepAlive: { intervalMs: number; timeoutMs: number } | undefined) {
  const clock = new FakeClock();
  const [near, far] = duplexPair();
  const closed: string[] = [];
  const connection = new H2ServerConnection({
    socket: near,
    transport: new LiveTransport("inbound", "src"),
    direction: "inbound",
    handler: { handle: unused },
    rescue: unused,
    recorder: { wantsHeaders: false } as never,
    clock,
    describe: unused,
    http2: { settings: DEFAULT_H2_SETTINGS, keepAlive },
    onClosed: (errno) => void closed.push(errno),
  });
  connection.start();
  far.write(Buffer.concat([H2_PREFACE, frame(4, 0, 0)]));
  await turn();
  far.read();
  // The preface counts as a sign of life of the interval in which it came.
  clock.advance(10_000);
  return { clock, far, closed, connection };
}

test("an idle client is asked, and one that answers stays", async () => {
  const { clock, far, closed, connection } = await connect({ intervalMs: 10_000, timeoutMs: 3000 });
  clock.advance(10_000);
  await turn();
  const ping = far.read() as Buffer;
  assert.deepEqual(describeFrames(ping), ["PING 0"]);
  far.write(frame(6, 1, 0, ping.subarray(9)));
  await turn();
  clock.advance(9_000);
  await turn();
  assert.deepEqual(closed, []);
  connection.destroy();
});

test("a client that does not answer is cut", async () => {
  const { clock, closed } = await connect({ intervalMs: 10_000, timeoutMs: 3000 });
  clock.advance(10_000);
  await turn();
  clock.advance(3_000);
  await turn();
  assert.deepEqual(closed, ["ETIMEDOUT"]);
});

test("without an interval nobody is asked", async () => {
  const { clock, far, connection } = await connect(undefined);
  clock.advance(3_600_000);
  await turn();
  assert.equal(far.read(), null);
  connection.destroy();
});
