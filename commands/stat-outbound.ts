import { outboundData, outboundTables } from "../src/views/route-tables.ts";
import { sideCommand } from "./route-stats.ts";

export const command = sideCommand("outbound", {
  summary: "routes of what a resource sent, and the backends they led to",
  description:
    "By Service and route, as the resource's own proxies saw it in the last minute. TIMEOUTS and RETRIES are shares of the requests.",
  tables: outboundTables,
  data: outboundData,
});
