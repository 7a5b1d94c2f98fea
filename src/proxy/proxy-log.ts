import { MeshError } from "../base/error.ts";
import { createLogger, type Logger, type LogLevel } from "../base/log.ts";

const LEVELS: readonly (LogLevel | "off")[] = ["off", "error", "warn", "info", "debug", "trace"];

/** A logger whose level can be changed while it and its children are in use. */
export interface AdjustableLog {
  readonly logger: Logger;
  readonly level: {
    get(): string;
    /** @throws MeshError `LOG_LEVEL_UNKNOWN` */
    set(text: string): void;
  };
}

export interface AdjustableLogOptions {
  readonly level: string;
  readonly format: "plain" | "json";
  readonly write: (line: string) => void;
  readonly now: () => number;
}

export function createAdjustableLog(options: AdjustableLogOptions): AdjustableLog {
  let rank = rankOf(options.level);
  const guarded = (inner: Logger): Logger => ({
    error: (message, fields) => void (rank >= 1 && inner.error(message, fields)),
    warn: (message, fields) => void (rank >= 2 && inner.warn(message, fields)),
    info: (message, fields) => void (rank >= 3 && inner.info(message, fields)),
    debug: (message, fields) => void (rank >= 4 && inner.debug(message, fields)),
    child: (fields) => guarded(inner.child(fields)),
  });
  return {
    logger: guarded(createLogger({ ...options, level: "trace" })),
    level: {
      get: () => LEVELS[rank]!,
      set(text) {
        rank = rankOf(text);
      },
    },
  };
}

function rankOf(text: string): number {
  const rank = LEVELS.indexOf(text.trim().toLowerCase() as LogLevel);
  if (rank >= 0) return rank;
  throw new MeshError({
    kind: "user",
    code: "LOG_LEVEL_UNKNOWN",
    message: `there is no log level "${text}"`,
    hint: `one of ${LEVELS.join(", ")}`,
  });
}
