import { ConnectionLimit } from "../../net/connection-limit.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { LocalCount } from "../layers/in-flight-count.ts";

/** The bound of one side's connections; undefined where none is configured. */
export function limitConnections(
  side: "inbound" | "outbound",
  { config, clock, log, shared }: ProxyDependencies,
): ConnectionLimit | undefined {
  const max = config[side].maxConnections;
  if (max === undefined) return undefined;
  const count = side === "inbound" ? shared?.inboundConnections : shared?.outboundConnections;
  return new ConnectionLimit({
    max,
    count: count ?? new LocalCount(),
    clock,
    onRefused: (refused) =>
      log.warn("connections are refused: as many are open as may be", { side, max, refused }),
  });
}
