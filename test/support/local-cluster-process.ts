/**
 * A local cluster in a process of its own, for tests that kill it: `node local-cluster-process.ts DIR`. Prints `up` when it
 * is, or the error's code; SIGTERM stops it in order.
 */
import { systemClock } from "../../src/base/clock.ts";
import { toMeshError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/log.ts";
import { startLocalCluster } from "../../src/local/cluster.ts";

try {
  const cluster = await startLocalCluster({
    dir: process.argv[2]!,
    clock: systemClock,
    log: silentLogger,
    meshctlCommand: [process.execPath],
    env: process.env,
    version: "0.0.0",
    random: () => 0.5,
    pid: process.pid,
    cwd: process.cwd(),
  });
  process.once("SIGTERM", () => void cluster.stop());
  console.log(`up ${cluster.cidr}`);
} catch (caught) {
  console.log(toMeshError(caught).code);
  process.exitCode = 1;
}
