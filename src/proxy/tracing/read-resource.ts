import { readFile } from "node:fs/promises";
import { pid } from "node:process";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { TracingConfig } from "../config.ts";
import { resourceAttributes } from "./trace-resource.ts";

/** Who we are to a collector, from the configuration and the file that it names. */
export async function readResource(
  config: TracingConfig,
  clock: Clock,
  log: Logger,
): Promise<ReadonlyMap<string, string | number>> {
  return resourceAttributes({
    ...config,
    labelsFile: await readLabels(config.attributesPath, log),
    pid,
    startedAt: Math.round(clock.now() / 1000),
  });
}

/** The pod's labels are an extra: spans without them are better than none. */
async function readLabels(path: string | undefined, log: Logger): Promise<string> {
  if (path === undefined) return "";
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    log.warn("the file of attributes for the collector cannot be read", {
      path,
      error: error instanceof Error ? error.message : String(error),
    });
    return "";
  }
}
