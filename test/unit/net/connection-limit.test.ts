import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { ConnectionLimit } from "../../../src/net/connection-limit.ts";
import { listen } from "../../../src/net/listen.ts";
import { LocalCount } from "../../../src/proxy/layers/in-flight-count.ts";
import { FakeClock } from "../../support/clock.ts";

async function setUp(t: TestContext, max: number) {
  const clock = new FakeClock();
  const refused: number[] = [];
  const accepted: Socket[] = [];
  const limit = new ConnectionLimit({
    max,
    count: new LocalCount(),
    clock,
    onRefused: (count) => void refused.push(count),
  });
  let wake = Promise.withResolvers<void>();
  const onConnection = (socket: Socket) => {
    accepted.push(socket);
    socket.resume();
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const listener = await listen({ host: "127.0.0.1", port: 0 }, "test", onConnection, { limit });
  listener.start();
  t.after(async () => {
    for (const socket of accepted) socket.destroy();
    await listener.stop();
  });
  const dial = (): Socket => {
    const socket = connect(listener.port, "127.0.0.1");
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    return socket;
  };
  /** Resolves when the server has taken it. */
  const open = async (): Promise<Socket> => {
    const taken = wake.promise;
    const socket = dial();
    await taken;
    return socket;
  };
  /** Resolves when it is gone. */
  const refuse = async (): Promise<void> => {
    const socket = dial();
    // It ends with an error, as it should.
    await new Promise((resolve) => socket.once("close", resolve));
  };
  return { clock, refused, accepted, open, refuse };
}

test("a connection beyond the limit is reset, and one that closes makes room", async (t) => {
  const { accepted, open, refuse } = await setUp(t, 2);
  await open();
  await open();
  await refuse();
  assert.equal(accepted.length, 2);
  const closed = once(accepted[0]!, "close");
  accepted[0]!.destroy();
  await closed;
  await open();
  assert.equal(accepted.length, 3);
});

test("refusals are reported at once, then in sums", async (t) => {
  const { clock, refused, refuse } = await setUp(t, 0);
  await refuse();
  await refuse();
  await refuse();
  assert.deepEqual(refused, [1]);
  clock.advance(10_000);
  await refuse();
  assert.deepEqual(refused, [1, 3]);
});
