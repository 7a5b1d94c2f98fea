import { tryParseNetwork } from "../../../src/base/ip.ts";
import type { ControlSettings } from "../../../src/control/control-settings.ts";
import { parsePortRanges } from "../../../src/values/port-ranges.ts";

/** An installation's settings, for tests of what is computed from them. */
export const TEST_SETTINGS: ControlSettings = {
  namespace: "meshctl",
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  clusterNetworks: [tryParseNetwork("10.0.0.0/8")!],
  defaultInboundPolicy: "all-unauthenticated",
  defaultOpaquePorts: parsePortRanges("25,3306,6379").ranges,
  enableH2Upgrade: false,
  enableIpv6: false,
  inboundPort: 4143,
};
