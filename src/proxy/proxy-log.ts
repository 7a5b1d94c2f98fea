import { MeshError } from "../base/error.ts";
import { createLogger, type Logger } from "../base/log.ts";
import { type LogFilter, tryParseLogFilter } from "./log-filter.ts";

/** What the proxy's own lines are about unless a part of it writes them. */
const OWN_TARGET = "meshctl";

/** A log whose filter can be changed while its loggers and their children are in use. */
export interface AdjustableLog {
  readonly logger: Logger;
  /** The logger of a part of the proxy: `outbound` has the target `meshctl::outbound`. */
  part(name: string): Logger;
  readonly level: {
    /** The filter as it was given. */
    get(): string;
    /** @throws MeshError `LOG_LEVEL_UNKNOWN` */
    set(text: string): void;
  };
}

export interface AdjustableLogOptions {
  /** Filter directives; see log-filter.ts. */
  readonly level: string;
  readonly format: "plain" | "json";
  readonly write: (line: string) => void;
  readonly now: () => number;
}

/** @throws MeshError `LOG_LEVEL_UNKNOWN` */
export function createAdjustableLog(options: AdjustableLogOptions): AdjustableLog {
  let filter = parseFilter(options.level);
  /** Targets' ranks under the present filter: looked up for every line that might be written. */
  let ranks = new Map<string, number>();
  const rankOf = (target: string): number => {
    let rank = ranks.get(target);
    if (rank === undefined) {
      rank = filter.rankOf(target);
      ranks.set(target, rank);
    }
    return rank;
  };
  const guarded = (inner: Logger, target: string): Logger => ({
    error: (message, fields) => void (rankOf(target) >= 1 && inner.error(message, fields)),
    warn: (message, fields) => void (rankOf(target) >= 2 && inner.warn(message, fields)),
    info: (message, fields) => void (rankOf(target) >= 3 && inner.info(message, fields)),
    debug: (message, fields) => void (rankOf(target) >= 4 && inner.debug(message, fields)),
    child: (fields) => guarded(inner.child(fields), target),
  });
  const loggerOf = (target: string): Logger =>
    guarded(createLogger({ ...options, level: "trace", target }), target);
  return {
    logger: loggerOf(OWN_TARGET),
    part: (name) => loggerOf(`${OWN_TARGET}::${name}`),
    level: {
      get: () => filter.text,
      set(text) {
        filter = parseFilter(text);
        ranks = new Map();
      },
    },
  };
}

function parseFilter(text: string): LogFilter {
  const filter = tryParseLogFilter(text);
  if (filter) return filter;
  throw new MeshError({
    kind: "user",
    code: "LOG_LEVEL_UNKNOWN",
    message: `there is no log filter ${JSON.stringify(text.slice(0, 80))}`,
    hint: "use off, error, warn, info, debug or trace, or directives such as warn,meshctl::outbound=debug",
  });
}
