import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { LogFile, readLog } from "../../../../src/local/kubelet/log-file.ts";
import { FakeClock } from "../../../support/clock.ts";

const dir = mkdtempSync(join(tmpdir(), "meshctl-log-"));
after(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;
const create = (clock = new FakeClock()) => new LogFile(join(dir, `${count++}.log`), clock);

async function read(log: LogFile, options: Partial<Parameters<typeof readLog>[1]> = {}): Promise<string> {
  const stream = readLog(log, {
    follow: false,
    timestamps: false,
    signal: new AbortController().signal,
    ...options,
  });
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

test("lines split over writes come out whole, each stream by itself, the unfinished one at the end", async () => {
  const log = create();
  log.append("stdout", "on");
  log.append("stderr", "err\n");
  log.append("stdout", "e\ntwo\n\nlast");
  assert.equal(await read(log), "err\none\ntwo\n\n");
  log.end();
  assert.equal(await read(log), "err\none\ntwo\n\nlast\n");
  assert.equal(await read(log, { tailLines: 2 }), "\nlast\n");
  assert.equal(await read(log, { tailLines: 0 }), "");
});

test("times are those of the lines, and since leaves out what is older", async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const log = create(clock);
  log.append("stdout", "old\n");
  clock.advance(60_000);
  log.append("stdout", "new\n");
  assert.equal(
    await read(log, { timestamps: true, sinceMs: clock.now() - 1000 }),
    "2026-01-01T00:01:00.000000000Z new\n",
  );
});

test("an endless line is cut, and a file that grows past its limit keeps one predecessor", async () => {
  const log = create();
  log.append("stdout", "x".repeat(40_000));
  log.end();
  assert.deepEqual(
    (await read(log))
      .trim()
      .split("\n")
      .map(({ length }) => length),
    [16_384, 16_384, 7232],
  );
  const large = create();
  const line = `${"y".repeat(1000)}\n`;
  for (let index = 0; index < 25_000; index++) large.append("stdout", line);
  assert.ok(statSync(large.path).size <= 10 * 1024 * 1024);
  assert.ok(statSync(`${large.path}.1`).size <= 10 * 1024 * 1024 + 2000);
  assert.ok(large.lines().length < 25_000);
  large.end();
});

test("a follower gets what was there, then what comes, and ends with the run or its own signal", async () => {
  const log = create();
  log.append("stdout", "before\n");
  const following = read(log, { follow: true });
  const abort = new AbortController();
  const aborted = read(log, { follow: true, signal: abort.signal });
  log.append("stdout", "during\n");
  abort.abort();
  log.append("stdout", "later\n");
  log.end();
  assert.equal(await following, "before\nduring\nlater\n");
  assert.equal(await aborted, "before\nduring\n");
  assert.equal(await read(log, { follow: true }), "before\nduring\nlater\n", "an ended run does not hang");
});
