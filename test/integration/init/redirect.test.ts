import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ROOT, type RunningProcess, runProcess, startProcess } from "../../support/run-process.ts";

/**
 * Two network namespaces joined by a cable: `pod` with an application and what stands for its proxy, `peer` with what lies outside.
 * 10.10.0.1 is a second address of the peer, in a subnet that is skipped.
 */
const CABLE = [
  "ip link set lo up",
  "ip link add pod type veth peer name peer netns $PEER",
  "ip addr add 10.9.0.2/24 dev pod",
  "ip addr add fd00:9::2/64 dev pod nodad",
  "ip link set pod up",
  "ip route add 10.10.0.0/24 via 10.9.0.1",
  "nsenter -t $PEER -n ip link set lo up",
  "nsenter -t $PEER -n ip addr add 10.9.0.1/24 dev peer",
  "nsenter -t $PEER -n ip addr add 10.10.0.1/24 dev peer",
  "nsenter -t $PEER -n ip addr add fd00:9::1/64 dev peer nodad",
  "nsenter -t $PEER -n ip link set peer up",
].join(" && ");

const FLAGS = [
  "--inbound-ports-to-ignore=9000-9001",
  "--outbound-ports-to-ignore=25",
  "--subnets-to-ignore=10.10.0.0/24",
];
const APPLICATION = 1000;
const PROXY = 2102;

interface Network {
  /** Runs a program in the pod's network. */
  inPod(command: string, args: readonly string[], expectExit?: number): Promise<string>;
  dial(from: "pod" | "peer", uid: number, targets: readonly string[]): Promise<string[]>;
}

/** Undefined, and the test skipped, where namespaces or rules cannot be made. */
async function makeNetwork(t: TestContext, firewall: string): Promise<Network | undefined> {
  const trial = spawnSync(
    "unshare",
    ["-n", "sh", "-c", `nsenter --version && ip link add one type veth peer name other && ${firewall}`],
    {
      encoding: "utf8",
    },
  );
  if (trial.status !== 0) {
    t.skip(
      `needs root, unshare, nsenter, ip and ${firewall}: ${(trial.stderr || String(trial.error)).trim()}`,
    );
    return undefined;
  }
  const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const namespace = async (...ports: string[]): Promise<RunningProcess> => {
    const running = startProcess("unshare", ["-n", process.execPath, file("endpoint.ts"), ...ports]);
    t.after(async () => {
      running.child.kill("SIGKILL");
      await running.done;
    });
    await running.waitFor(/ready/);
    return running;
  };
  const pod = await namespace("app=8080", "app=9000", "inbound*=4143", "outbound*=4140");
  const peer = await namespace("peer=80", "peer=25");
  const enter = ({ child }: RunningProcess) => ["-t", String(child.pid), "-n"];
  const network: Network = {
    inPod: async (command, args, expectExit = 0) => {
      const line = [...enter(pod), command, ...args];
      const { stdout, stderr } = await runProcess("nsenter", line, { expectExit });
      return stdout + stderr;
    },
    async dial(from, uid, targets) {
      const line = [
        ...enter(from === "pod" ? pod : peer),
        process.execPath,
        file("dial.ts"),
        String(uid),
        ...targets,
      ];
      const { stdout } = await runProcess("nsenter", line);
      return stdout.trimEnd().split("\n");
    },
  };
  await network.inPod("sh", ["-ec", CABLE.replaceAll("$PEER", String(peer.child.pid))]);
  return network;
}

const VARIANTS = [
  { mode: "nft", trial: "nft list ruleset", list: "nft list ruleset" },
  { mode: "iptables-nft", trial: "iptables-nft-save", list: "nft list ruleset" },
  { mode: "iptables-legacy", trial: "iptables-legacy -t nat -S", list: "iptables-legacy-save -t nat" },
] as const;

for (const { mode, trial, list } of VARIANTS) {
  test(`${mode}: connections go where they should, in both families, and a second run changes nothing`, async (t) => {
    const network = await makeNetwork(t, trial);
    if (!network) return;
    const init = (...more: string[]) =>
      network.inPod(process.execPath, [
        `${ROOT}commands/main.ts`,
        "proxy-init",
        "--force",
        `--mode=${mode}`,
        ...FLAGS,
        ...more,
      ]);

    assert.deepEqual(
      await network.dial("peer", APPLICATION, ["10.9.0.2 8080"]),
      ["app 8080"],
      "without rules",
    );
    // A first run with other ports, which the second replaces.
    await init("--incoming-proxy-port=9000", "--outgoing-proxy-port=9000");
    await init();
    const rules = withoutCounters(await network.inPod("sh", ["-c", list]));
    await init();
    assert.equal(withoutCounters(await network.inPod("sh", ["-c", list])), rules);

    const inbound = {
      "10.9.0.2 8080": "inbound 10.9.0.2:8080",
      "10.9.0.2 9000": "app 9000",
      "fd00:9::2 8080": "inbound fd00:9::2:8080",
      "fd00:9::2 9000": "app 9000",
      // Nobody listens there: the proxy finds that out, not the client.
      "10.9.0.2 7777": "inbound 10.9.0.2:7777",
      "10.9.0.2 8080 10.10.0.1": "app 8080",
    };
    assert.deepEqual(await network.dial("peer", PROXY, Object.keys(inbound)), Object.values(inbound));
    const outbound = {
      "10.9.0.1 80": "outbound 10.9.0.1:80",
      "10.9.0.1 25": "peer 25",
      "10.10.0.1 80": "peer 80",
      "fd00:9::1 80": "outbound fd00:9::1:80",
      "fd00:9::1 25": "peer 25",
      "127.0.0.1 8080": "app 8080",
      "::1 8080": "app 8080",
      // The pod's own address goes over loopback.
      "10.9.0.2 8080": "app 8080",
    };
    assert.deepEqual(await network.dial("pod", APPLICATION, Object.keys(outbound)), Object.values(outbound));
    assert.deepEqual(await network.dial("pod", PROXY, ["10.9.0.1 80", "fd00:9::1 80"]), [
      "peer 80",
      "peer 80",
    ]);
  });
}

test("IPv4 alone leaves IPv6 as it is, and a group can be the proxy's mark", async (t) => {
  const network = await makeNetwork(t, "nft list ruleset");
  if (!network) return;
  const flags = ["--ipv6=false", "--proxy-uid=0", `--proxy-gid=${PROXY}`, "--ports-to-redirect=9000"];
  await network.inPod(process.execPath, [`${ROOT}commands/main.ts`, "proxy-init", "--force", ...flags]);
  assert.deepEqual(await network.dial("pod", PROXY, ["10.9.0.1 80"]), ["peer 80"]);
  assert.deepEqual(await network.dial("pod", APPLICATION, ["10.9.0.1 80", "fd00:9::1 80"]), [
    "outbound 10.9.0.1:80",
    "peer 80",
  ]);
  // Only the listed port is taken.
  assert.deepEqual(await network.dial("peer", APPLICATION, ["10.9.0.2 9000", "10.9.0.2 8080"]), [
    "inbound 10.9.0.2:9000",
    "app 8080",
  ]);
});

test("without the capability it says which one is missing, and that only root gets it", async (t) => {
  const network = await makeNetwork(t, "setpriv --version");
  if (!network) return;
  const drop = [
    "--bounding-set=-net_admin",
    "--inh-caps=-net_admin",
    process.execPath,
    `${ROOT}commands/main.ts`,
  ];
  const output = await network.inPod("setpriv", [...drop, "proxy-init", "--force"], 1);
  assert.match(output, /needs NET_ADMIN, which this process \(user 0\) does not have/);
  assert.match(output, /capabilities\.add: \[NET_ADMIN\]/);
});

function withoutCounters(rules: string): string {
  return rules
    .replace(/packets \d+ bytes \d+|\[\d+:\d+\]/g, "")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n");
}
