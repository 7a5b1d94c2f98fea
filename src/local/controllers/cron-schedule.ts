import { MeshError } from "../../base/error.ts";

/**
 * A cron line: minute, hour, day of month, month, day of week. Each a `*`, a number, a name (months, weekdays), a range, a list, with an
 * optional `/step`; or `@hourly` and its like. When both days are given, either is enough (POSIX crontab).
 */
export interface CronSchedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Whether the day fields were restricted: a `*` does not count in "either is enough". */
  readonly hasDays: boolean;
  readonly hasWeekdays: boolean;
}

const MACROS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MINUTE_MS = 60_000;
/** A line that names no day of the next years (30 February) never comes. */
const HORIZON_MINUTES = 366 * 24 * 60 * 5;

/** @throws MeshError `CRON_INVALID` */
export function parseCronSchedule(text: string): CronSchedule {
  const fields = (MACROS[text.trim()] ?? text).trim().split(/\s+/);
  if (fields.length !== 5) throw invalid(text, `${fields.length} fields where there should be 5`);
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string];
  const weekdays = parseField(text, weekday, 0, 7, WEEKDAYS);
  // Sunday is 0 and 7.
  if (weekdays.delete(7)) weekdays.add(0);
  return {
    minutes: parseField(text, minute, 0, 59),
    hours: parseField(text, hour, 0, 23),
    days: parseField(text, day, 1, 31),
    months: parseField(text, month, 1, 12, MONTHS, 1),
    weekdays,
    hasDays: !/^[*?]/.test(day),
    hasWeekdays: !/^[*?]/.test(weekday),
  };
}

function parseField(
  line: string,
  field: string,
  min: number,
  max: number,
  names: readonly string[] = [],
  nameBase = 0,
): Set<number> {
  const parseValue = (text: string): number => {
    const name = names.indexOf(text.toLowerCase());
    const value = name >= 0 ? name + nameBase : /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw invalid(line, `"${text}" is not within ${min} to ${max}`);
    return value;
  };
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const [range = "", step, ...rest] = part.split("/");
    const every = step === undefined ? 1 : Number(step);
    if (rest.length > 0 || !(Number.isInteger(every) && every > 0)) throw invalid(line, `step in "${part}"`);
    let from = min;
    let to = max;
    if (range !== "*" && range !== "?") {
      const [start = "", end, ...more] = range.split("-");
      if (more.length > 0) throw invalid(line, `range "${range}"`);
      from = parseValue(start);
      // `5/15` means from 5 on.
      to = end === undefined ? (step === undefined ? from : max) : parseValue(end);
      if (to < from) throw invalid(line, `range "${range}" ends before it begins`);
    }
    for (let value = from; value <= to; value += every) values.add(value);
  }
  return values;
}

/**
 * The first time after `afterMs` that the schedule names, in milliseconds since the epoch; undefined when there is none within five years.
 *
 * @param timeZone an IANA name; UTC when undefined
 */
export function nextCronTime(schedule: CronSchedule, afterMs: number, timeZone?: string): number | undefined {
  const wall = wallClock(timeZone);
  let atMs = Math.floor(afterMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  const endMs = atMs + HORIZON_MINUTES * MINUTE_MS;
  while (atMs < endMs) {
    const { minute, hour, day, month, weekday } = wall(atMs);
    if (!schedule.months.has(month) || !isDay(schedule, day, weekday)) {
      // To the next hour, not day: zones change their offset within a day.
      atMs += (60 - minute) * MINUTE_MS;
    } else if (!schedule.hours.has(hour)) {
      atMs += (60 - minute) * MINUTE_MS;
    } else if (!schedule.minutes.has(minute)) {
      atMs += MINUTE_MS;
    } else {
      return atMs;
    }
  }
  return undefined;
}

function isDay(schedule: CronSchedule, day: number, weekday: number): boolean {
  const isOfMonth = schedule.days.has(day);
  const isOfWeek = schedule.weekdays.has(weekday);
  return schedule.hasDays && schedule.hasWeekdays ? isOfMonth || isOfWeek : isOfMonth && isOfWeek;
}

interface WallTime {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

function wallClock(timeZone: string | undefined): (ms: number) => WallTime {
  if (timeZone === undefined) {
    return (ms) => {
      const date = new Date(ms);
      return {
        minute: date.getUTCMinutes(),
        hour: date.getUTCHours(),
        day: date.getUTCDate(),
        month: date.getUTCMonth() + 1,
        weekday: date.getUTCDay(),
      };
    };
  }
  const format = zoneFormat(timeZone);
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    return {
      minute: Number(parts.get("minute")),
      hour: Number(parts.get("hour")),
      day: Number(parts.get("day")),
      month: Number(parts.get("month")),
      weekday: WEEKDAYS.indexOf(parts.get("weekday")!.toLowerCase()),
    };
  };
}

function zoneFormat(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      minute: "numeric",
      hour: "numeric",
      day: "numeric",
      month: "numeric",
      weekday: "short",
    });
  } catch (cause) {
    throw new MeshError({
      kind: "user",
      code: "CRON_INVALID",
      message: `time zone "${timeZone}" is not known`,
      hint: 'use a name of the IANA database, such as "Europe/Paris"',
      cause,
    });
  }
}

function invalid(text: string, detail: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "CRON_INVALID",
    message: `schedule "${text}" is not a cron line: ${detail}`,
    hint: 'write minute, hour, day of month, month, day of week, such as "*/5 * * * *"',
  });
}
