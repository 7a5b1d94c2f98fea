export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";

/** Diagnostic log of a long-running process. Fields are appended as `key=value`. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const RANK: Readonly<Record<LogLevel | "off", number>> = {
  off: 0,
  error: 1,
  warn: 2,
  info: 3,
  debug: 4,
  trace: 5,
};

export interface LoggerOptions {
  readonly level: LogLevel | "off";
  readonly format: "plain" | "json";
  readonly write: (line: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly fields?: LogFields;
  /** What the lines are about: a member of JSON lines. */
  readonly target?: string;
}

/** A logger of one line an event: plain (`2026-01-02T03:04:05.678Z WARN message key=value`) or JSON. */
export function createLogger(options: LoggerOptions): Logger {
  const threshold = RANK[options.level];
  const emit = (level: LogLevel, message: string, fields?: LogFields): void => {
    if (RANK[level] > threshold) return;
    const all = { ...options.fields, ...fields };
    const timestamp = new Date(options.now()).toISOString();
    if (options.format === "json") {
      options.write(
        `${JSON.stringify({ timestamp, level: level.toUpperCase(), fields: { message, ...all }, target: options.target })}\n`,
      );
      return;
    }
    let line = `${timestamp} ${level.toUpperCase().padEnd(5)} ${message}`;
    for (const [key, value] of Object.entries(all)) {
      if (value !== undefined) line += ` ${key}=${formatValue(value)}`;
    }
    options.write(`${line}\n`);
  };
  return {
    error: (message, fields) => emit("error", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    info: (message, fields) => emit("info", message, fields),
    debug: (message, fields) => emit("debug", message, fields),
    child: (fields) => createLogger({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

/** For callers that want silence. */
export const silentLogger: Logger = createLogger({
  level: "off",
  format: "plain",
  write: () => {},
  now: () => 0,
});

function formatValue(value: string | number | boolean): string {
  const text = String(value);
  return /[\s="]/.test(text) ? JSON.stringify(text) : text;
}
