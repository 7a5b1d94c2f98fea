import { inboundData, inboundTables } from "../src/views/route-tables.ts";
import { sideCommand } from "./route-stats.ts";

export const command = sideCommand("inbound", {
  summary: "routes of what came in to a resource",
  description: "By Server and route, as the resource's own proxies saw it in the last minute.",
  tables: inboundTables,
  data: inboundData,
});
