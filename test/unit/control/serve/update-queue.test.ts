import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { UpdateQueue } from "../../../../src/control/serve/update-queue.ts";
import { settle } from "../../../support/clock.ts";

async function collect(queue: UpdateQueue<number>, signal = new AbortController().signal): Promise<number[]> {
  const taken: number[] = [];
  for await (const item of queue.drain(signal)) taken.push(item);
  return taken;
}

test("update queue gives everything in order, then ends", async () => {
  const queue = new UpdateQueue<number>("test");
  queue.push(1);
  const collecting = collect(queue);
  await settle();
  queue.push(2);
  queue.push(3);
  queue.end();
  assert.deepEqual(await collecting, [1, 2, 3]);
});

test("update queue ends the stream of a client that does not take its updates", async () => {
  const queue = new UpdateQueue<number>("endpoints of web:80", 100);
  for (let update = 0; update <= 100; update++) queue.push(update);
  await assert.rejects(collect(queue), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, Code.Aborted);
    assert.match(error.message, /100 updates of endpoints of web:80 were not taken/);
    return true;
  });
});

test("update queue ends with the signal", async () => {
  const queue = new UpdateQueue<number>("test");
  const controller = new AbortController();
  const collecting = collect(queue, controller.signal);
  queue.push(1);
  await settle();
  controller.abort();
  assert.deepEqual(await collecting, [1]);
});

test("update queue ends with the reason of a server that stops", async () => {
  const queue = new UpdateQueue<number>("test");
  const controller = new AbortController();
  const collecting = collect(queue, controller.signal);
  await settle();
  controller.abort(new ConnectError("stopping", Code.Unavailable));
  await assert.rejects(collecting, { code: Code.Unavailable });
});
