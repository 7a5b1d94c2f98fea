import assert from "node:assert/strict";
import { test } from "node:test";
import { nextCronTime, parseCronSchedule } from "../../../../src/local/controllers/cron-schedule.ts";

/** The next three times after a moment, as minutes. */
function nextThree(line: string, after: string, timeZone?: string): string[] {
  const schedule = parseCronSchedule(line);
  const times: string[] = [];
  let atMs = Date.parse(after);
  for (let count = 0; count < 3; count++) {
    atMs = nextCronTime(schedule, atMs, timeZone)!;
    times.push(new Date(atMs).toISOString().slice(0, 16));
  }
  return times;
}

const CASES: readonly (readonly [line: string, after: string, times: readonly string[]])[] = [
  ["* * * * *", "2026-01-01T00:00:30Z", ["2026-01-01T00:01", "2026-01-01T00:02", "2026-01-01T00:03"]],
  ["*/20 * * * *", "2026-01-01T00:20:00Z", ["2026-01-01T00:40", "2026-01-01T01:00", "2026-01-01T01:20"]],
  ["5/25 3 * * *", "2026-01-01T00:00:00Z", ["2026-01-01T03:05", "2026-01-01T03:30", "2026-01-01T03:55"]],
  ["0 0 29 2 *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]],
  ["0 9 * * MON-FRI", "2026-11-27T10:00:00Z", ["2026-11-30T09:00", "2026-12-01T09:00", "2026-12-02T09:00"]],
  ["0 9 * * 7", "2026-11-27T10:00:00Z", ["2026-11-29T09:00", "2026-12-06T09:00", "2026-12-13T09:00"]],
  ["0 0 1,15 * FRI", "2026-05-01T00:00:00Z", ["2026-05-08T00:00", "2026-05-15T00:00", "2026-05-22T00:00"]],
  ["@monthly", "2026-11-27T10:00:00Z", ["2026-12-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"]],
];
for (const [line, after, times] of CASES) {
  test(`schedule "${line}" names the times after ${after}`, () =>
    assert.deepEqual(nextThree(line, after), times));
}

test("schedule with a time zone follows its clocks over the change of summer time", () => {
  assert.deepEqual(nextThree("30 8 * * *", "2026-03-27T12:00:00Z", "Europe/Paris"), [
    "2026-03-28T07:30",
    "2026-03-29T06:30",
    "2026-03-30T06:30",
  ]);
});

test("schedule that names no day has no next time", () => {
  assert.equal(nextCronTime(parseCronSchedule("0 0 30 2 *"), Date.parse("2026-01-01T00:00:00Z")), undefined);
});

for (const line of [
  "",
  "* * * *",
  "60 * * * *",
  "*/0 * * * *",
  "5-1 * * * *",
  "x * * * *",
  "1-2-3 * * * *",
]) {
  test(`schedule "${line}" is refused with the reason`, () => {
    assert.throws(() => parseCronSchedule(line), { code: "CRON_INVALID" });
  });
}

test("schedule in a zone that nobody knows is refused", () => {
  assert.throws(() => nextCronTime(parseCronSchedule("* * * * *"), 0, "Mars/Base"), { code: "CRON_INVALID" });
});
