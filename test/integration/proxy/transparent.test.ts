import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadOriginalDestinationReader, parseSockaddr } from "../../../src/net/original-destination.ts";
import { hex } from "../../support/hex.ts";

/**
 * Addresses that are this host's, and rules that redirect like proxy-init's. Those tell the proxy's own connections by its user;
 * here everything is one process, so the rule for the inbound port redirects the first connection only: the second is
 * the inbound proxy's own.
 */
const SETUP = `
ip link set lo up
ip addr add 10.1.2.3/32 dev lo
ip addr add 10.1.2.4/32 dev lo
ip addr add 10.1.2.9/32 dev lo
ip addr add fd00::1/128 dev lo nodad
nft -f - <<'RULES'
table inet mesh {
  chain output {
    type nat hook output priority -100;
    tcp dport 8081 redirect to :4150
    ip daddr 10.1.2.3 tcp dport 80 redirect to :4140
    ip daddr 10.1.2.4 tcp dport 8080 limit rate 1/hour burst 1 packets redirect to :4143
    ip daddr 10.1.2.9 tcp dport 8080 redirect to :4143
  }
}
RULES
`;

test("redirected connections show where they were going, and both stacks act on it", (t) => {
  const canRedirect = spawnSync("unshare", ["-n", "sh", "-ec", SETUP], { encoding: "utf8" });
  if (canRedirect.status !== 0) {
    t.skip(`needs root, unshare, ip and nft: ${(canRedirect.stderr || String(canRedirect.error)).trim()}`);
    return;
  }
  const probe = fileURLToPath(new URL("transparent-probe.ts", import.meta.url));
  const run = spawnSync("unshare", ["-n", "sh", "-ec", `${SETUP}\nexec "$0" "$1"`, process.execPath, probe], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(run.status, 0, `stdout: ${run.stdout}\nstderr: ${run.stderr}`);
  assert.deepEqual(JSON.parse(run.stdout), {
    original: [
      { ip: "10.1.2.3", port: 8081 },
      { ip: "fd00::1", port: 8081 }, // Not redirected: where it went is where it arrived.
      { ip: "127.0.0.1", port: 4150 },
    ],
    answer: "HTTP/1.1 200 OK",
    targets: [{ kind: "address", ip: "10.1.2.3", port: 80 }, 8080],
    servers: ["inbound 10.1.2.4:8080", "outbound 10.1.2.4:8080"],
    loop: "",
    foreign: "",
  });
});

test("the kernel's address structures are read in network order", () => {
  assert.deepEqual(parseSockaddr(hex("0200 1f90 0a010203 0000000000000000"), false), {
    ip: "10.1.2.3",
    port: 8080,
  });
  assert.deepEqual(parseSockaddr(hex("0a00 0050 00000000 fd000000000000000000000000000001 00000000"), true), {
    ip: "fd00::1",
    port: 80,
  });
});

test("transparent capture says that it needs Linux elsewhere", async () => {
  await assert.rejects(loadOriginalDestinationReader("darwin"), { code: "ORIGINAL_DST_UNAVAILABLE" });
});
