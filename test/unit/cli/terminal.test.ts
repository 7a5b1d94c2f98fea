import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { createTerminal, hasColors } from "../../../src/cli/terminal.ts";

for (const [isTty, env, expected] of [
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: "1" }, false],
  [true, { NO_COLOR: "" }, true],
  [true, { TERM: "dumb" }, false],
  [false, { FORCE_COLOR: "1" }, true],
  [false, { FORCE_COLOR: "1", NO_COLOR: "1" }, true],
  [true, { FORCE_COLOR: "0" }, false],
] as const) {
  test(`hasColors is ${expected} for ${isTty ? "a terminal" : "a pipe"} with ${JSON.stringify(env)}`, () => {
    assert.equal(hasColors(isTty, env), expected);
  });
}

function streams() {
  const stdout = new PassThrough() as unknown as NodeJS.WriteStream;
  let closed = 0;
  const lost: Error[] = [];
  const terminal = createTerminal({
    get stdin(): NodeJS.ReadStream {
      return assert.fail("standard input was opened");
    },
    stdout,
    stderr: new PassThrough() as unknown as NodeJS.WriteStream,
    env: {},
    onClosedPipe: () => closed++,
    onLostOutput: (error) => lost.push(error),
  });
  return { stdout, terminal, closed: () => closed, lost };
}

test("a closed pipe is told once and ends writing", () => {
  const { stdout, terminal, closed } = streams();
  terminal.stdout.write("one\n");
  stdout.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  assert.equal(closed(), 1);
  terminal.stdout.write("two\n");
  assert.equal(String((stdout as unknown as PassThrough).read()), "one\n");
});

test("any other fault of standard output is told once, as a loss", () => {
  const { stdout, terminal, closed, lost } = streams();
  const error = Object.assign(new Error("disk full"), { code: "ENOSPC" });
  stdout.emit("error", error);
  stdout.emit("error", error);
  assert.deepEqual(lost, [error]);
  assert.equal(closed(), 0);
  terminal.stdout.write("more\n");
  assert.equal((stdout as unknown as PassThrough).read(), null);
});

test("a terminal is 80 columns wide when nobody says", () => {
  assert.equal(streams().terminal.stdout.columns, 80);
});
