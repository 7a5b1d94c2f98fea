import assert from "node:assert/strict";
import { test } from "node:test";
import { setCloseWaitTimeout } from "../../../src/init/close-wait.ts";
import {
  applyRules,
  capabilitiesFor,
  chooseFirewall,
  type ProgramResult,
  type Programs,
} from "../../../src/init/firewall.ts";
import { renderIptables } from "../../../src/init/iptables-rules.ts";
import { renderNft } from "../../../src/init/nft-rules.ts";
import { requireCapabilities } from "../../../src/init/privileges.ts";
import type { RedirectPlan } from "../../../src/init/redirect-plan.ts";
import { parsePortRanges } from "../../../src/values/port-ranges.ts";

const PLAN: RedirectPlan = {
  inboundPort: 4143,
  outboundPort: 4140,
  proxyUid: 2102,
  proxyGid: undefined,
  onlyInbound: [],
  skipInbound: [],
  skipOutbound: [],
  skipNetworks: [],
  families: [4],
};

interface Call {
  readonly line: string;
  readonly stdin: string;
}

function fakePrograms(names: readonly string[], answers: Record<string, Partial<ProgramResult>> = {}) {
  const calls: Call[] = [];
  const programs: Programs = {
    has: (name) => names.includes(name),
    async run(name, args, stdin) {
      calls.push({ line: [name, ...args].join(" "), stdin });
      return { exitCode: 0, stdout: "", stderr: "", ...answers[name] };
    },
  };
  return { programs, calls };
}

test("the firewall that is asked for is used, else the first that is there", () => {
  const all = ["nft", "iptables-nft-save", "iptables-nft-restore", "iptables-save", "iptables-restore"];
  assert.equal(chooseFirewall("iptables-nft", fakePrograms(all).programs), "iptables-nft");
  assert.equal(chooseFirewall("iptables-legacy", fakePrograms(all).programs), "nft");
  assert.equal(chooseFirewall("nft", fakePrograms(all.slice(1)).programs), "iptables-nft");
  assert.equal(chooseFirewall("nft", fakePrograms(all.slice(3)).programs), "iptables");
  // Half of a pair is none.
  assert.throws(() => chooseFirewall("nft", fakePrograms(["iptables-save"]).programs), {
    code: "INIT_NO_FIREWALL",
  });
});

test("nft writes both families in one transaction", async () => {
  const { programs, calls } = fakePrograms(["nft"]);
  await applyRules("nft", { ...PLAN, families: [4, 6] }, programs);
  assert.deepEqual(
    calls.map(({ line }) => line),
    ["nft -f -"],
  );
  assert.match(calls[0]!.stdin, /^table ip meshctl\ndelete table ip meshctl\ntable ip meshctl \{/);
  assert.match(calls[0]!.stdin, /\ntable ip6 meshctl\ndelete table ip6 meshctl\ntable ip6 meshctl \{/);
});

test("iptables adds the jumps that are missing, and legacy waits for the lock", async () => {
  const saved = "*nat\n-A PREROUTING -j MESHCTL_INBOUND\nCOMMIT\n";
  const { programs, calls } = fakePrograms([], { "iptables-legacy-save": { stdout: saved } });
  await applyRules("iptables-legacy", { ...PLAN, families: [4, 6] }, programs);
  assert.deepEqual(
    calls.map(({ line }) => line),
    [
      "iptables-legacy-save -t nat",
      "iptables-legacy-restore --noflush --wait 10",
      "ip6tables-legacy-save -t nat",
      "ip6tables-legacy-restore --noflush --wait 10",
    ],
  );
  assert.ok(!calls[1]!.stdin.includes("-A PREROUTING"));
  assert.ok(calls[1]!.stdin.includes("-A OUTPUT -j MESHCTL_OUTBOUND"));
  assert.ok(calls[3]!.stdin.includes("-A PREROUTING -j MESHCTL_INBOUND"));
});

test("a program that fails is quoted, and IPv6 alone has a way out", async () => {
  const { programs } = fakePrograms([], { "ip6tables-save": { exitCode: 3, stderr: "can't initialize\n" } });
  await assert.rejects(applyRules("iptables", { ...PLAN, families: [4, 6] }, programs), {
    code: "INIT_RULES_REFUSED",
    message: "`ip6tables-save -t nat` failed with exit code 3: can't initialize",
    hint: /disableIpv6=true/,
  });
});

test("exemptions come before the redirect, whatever is skipped", () => {
  const plan: RedirectPlan = {
    ...PLAN,
    proxyGid: 9,
    skipOutbound: [{ first: 25, last: 25 }],
    skipNetworks: [{ family: 4, bits: 0x0a000000n, prefix: 8 }],
  };
  const outbound = renderNft(plan).split("chain outbound")[1]!;
  const order = [
    "skuid 2102",
    "skgid 9",
    'oifname "lo"',
    "dport { 25 }",
    "daddr { 10.0.0.0/8 }",
    "redirect to :4140",
  ];
  const places = order.map((text) => outbound.indexOf(text));
  assert.ok(!places.includes(-1));
  assert.deepEqual(
    places,
    [...places].sort((left, right) => left - right),
  );
});

test("subnets bind their own family only, and the whole world is no set", () => {
  const plan: RedirectPlan = {
    ...PLAN,
    families: [4, 6],
    skipNetworks: [
      { family: 4, bits: 0n, prefix: 0 },
      { family: 6, bits: 0xfdn << 120n, prefix: 8 },
    ],
  };
  const [v4, v6] = renderNft(plan).split("table ip6 meshctl\ndelete");
  assert.ok(!v4!.includes("0.0.0.0/0") && !v4!.includes("fd00::"));
  assert.match(v4!, /^ {4}return comment "skipped subnets"$/m);
  assert.match(v6!, /ip6 saddr \{ fd00::\/8 \} return/);
});

test("one multiport match holds fifteen ports, of which a range counts two", () => {
  const { ranges } = parsePortRanges("1-2,4-5,7-8,10-11,13-14,16-17,19-20,22,24,26,28-29");
  const lists = renderIptables({ ...PLAN, skipInbound: ranges }, 4, "").match(/--dports \S+/g);
  assert.deepEqual(lists, ["--dports 1:2,4:5,7:8,10:11,13:14,16:17,19:20,22", "--dports 24,26,28:29"]);
});

test("with listed ports only those are redirected", () => {
  const plan: RedirectPlan = { ...PLAN, onlyInbound: [{ first: 80, last: 81 }] };
  assert.match(renderNft(plan), /tcp dport \{ 80-81 \} redirect to :4143/);
  assert.match(
    renderIptables(plan, 4, ""),
    /INBOUND -p tcp -m multiport --dports 80:81 -j REDIRECT --to-ports 4143/,
  );
});

test("a missing capability is named, with what grants it, and root by another hint than others", () => {
  const status = (uid: number, mask: string) =>
    `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${mask}\n`;
  requireCapabilities(status(0, "0000000000001000"), ["NET_ADMIN"]);
  requireCapabilities(status(0, "000001ffffffffff"), ["NET_ADMIN", "NET_RAW"]);
  assert.throws(
    () => requireCapabilities(status(0, "0000000000001000"), capabilitiesFor("iptables-legacy")),
    {
      code: "INIT_NO_CAPABILITY",
      message: /needs NET_RAW, which this process \(user 0\)/,
      hint: "give the container securityContext.capabilities.add: [NET_ADMIN, NET_RAW]",
    },
  );
  assert.throws(() => requireCapabilities(status(65534, "0000000000000000"), capabilitiesFor("nft")), {
    hint: /runAsUser: 0/,
  });
});

test("a kernel setting that cannot be written says that the container must be privileged", () => {
  const written: unknown[][] = [];
  setCloseWaitTimeout(100, (...args: unknown[]) => void written.push(args));
  assert.deepEqual(written, [["/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait", "100"]]);
  const refuse = () => {
    throw new Error("EROFS: read-only file system");
  };
  assert.throws(() => setCloseWaitTimeout(100, refuse), {
    code: "INIT_SYSCTL_REFUSED",
    hint: /privileged: true/,
  });
  assert.throws(() => setCloseWaitTimeout(0.5), { code: "INIT_BAD_TIMEOUT" });
});
