import type { ConfigReader } from "./config-env.ts";

/** How many threads carry traffic. */
export interface CoresConfig {
  readonly min: number;
  /** Undefined: `maxRatio` decides, and without that it is one. */
  readonly max: number | undefined;
  /** Share of the machine's processors, above 0 to 1. */
  readonly maxRatio: number | undefined;
}

/** CORES_MIN (else CORES), CORES_MAX, CORES_MAX_RATIO. */
export function readCores(reader: ConfigReader): CoresConfig {
  const cores = reader.parse("CORES", 1, "a whole number above 0", tryParsePositive);
  return {
    min: reader.parse("CORES_MIN", cores, "a whole number above 0", tryParsePositive),
    max: reader.parse<number | undefined>("CORES_MAX", undefined, "a whole number above 0", tryParsePositive),
    maxRatio: reader.parse<number | undefined>(
      "CORES_MAX_RATIO",
      undefined,
      "a number above 0, up to 1",
      (text) => {
        const ratio = Number(text);
        return ratio > 0 && ratio <= 1 ? ratio : undefined;
      },
    ),
  };
}

/**
 * Threads for a machine: the chosen maximum, at least the minimum, never more than there are processors.
 *
 * @see reference: proxy section 2 (Workers)
 */
export function workerCount({ min, max, maxRatio }: CoresConfig, processors: number): number {
  const byRatio = maxRatio === undefined ? 1 : Math.max(1, Math.round(processors * maxRatio));
  return Math.max(1, Math.min(Math.max(max ?? byRatio, min), processors));
}

function tryParsePositive(text: string): number | undefined {
  return /^\d{1,6}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}
