import { MeshError } from "../base/error.ts";
import { renderIptables } from "./iptables-rules.ts";
import { renderNft } from "./nft-rules.ts";
import type { Capability } from "./privileges.ts";
import type { RedirectPlan } from "./redirect-plan.ts";

/** What writes the rules. `iptables` is whatever the machine calls so. */
export const FIREWALLS = ["nft", "iptables-nft", "iptables", "iptables-legacy"] as const;
export type Firewall = (typeof FIREWALLS)[number];

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The machine's programs, as a dependency. */
export interface Programs {
  /** Whether a program of that name is on the PATH. */
  has(name: string): boolean;
  run(name: string, args: readonly string[], stdin: string): Promise<ProgramResult>;
}

/** The one that was asked for, else the first that is there. */
export function chooseFirewall(wanted: Firewall, programs: Programs): Firewall {
  const found = [wanted, ...FIREWALLS].find((firewall) =>
    programsOf(firewall).every((name) => programs.has(name)),
  );
  if (found !== undefined) return found;
  throw new MeshError({
    kind: "environment",
    code: "INIT_NO_FIREWALL",
    message: "neither nft nor iptables is on the PATH",
    hint: "use the meshctl image, which has both, or install the nftables package",
  });
}

/** Legacy iptables opens a raw socket; everything else talks netlink. */
export function capabilitiesFor(firewall: Firewall): readonly Capability[] {
  return firewall === "nft" || firewall === "iptables-nft" ? ["NET_ADMIN"] : ["NET_ADMIN", "NET_RAW"];
}

/** Input for each program that would run, with the line that it would be given to. */
export function renderRules(firewall: Firewall, plan: RedirectPlan): string {
  if (firewall === "nft") return `# nft -f -\n${renderNft(plan)}`;
  return plan.families
    .map(
      (family) => `# ${commandName(firewall, family)}-restore --noflush\n${renderIptables(plan, family, "")}`,
    )
    .join("");
}

/**
 * Writes the rules; what was written before is replaced. Each family is one transaction, with nft both are.
 *
 * @throws MeshError `INIT_RULES_REFUSED` with what the program said
 */
export async function applyRules(firewall: Firewall, plan: RedirectPlan, programs: Programs): Promise<void> {
  if (firewall === "nft") {
    await expectSuccess(programs, "nft", ["-f", "-"], renderNft(plan));
    return;
  }
  for (const family of plan.families) {
    const name = commandName(firewall, family);
    const saved = await expectSuccess(programs, `${name}-save`, ["-t", "nat"], "");
    const wait = firewall === "iptables-nft" ? [] : ["--wait", "10"];
    await expectSuccess(
      programs,
      `${name}-restore`,
      ["--noflush", ...wait],
      renderIptables(plan, family, saved),
    );
  }
}

function programsOf(firewall: Firewall): readonly string[] {
  if (firewall === "nft") return ["nft"];
  return [`${firewall}-restore`, `${firewall}-save`];
}

function commandName(firewall: Exclude<Firewall, "nft">, family: 4 | 6): string {
  return family === 4 ? firewall : firewall.replace("iptables", "ip6tables");
}

async function expectSuccess(
  programs: Programs,
  name: string,
  args: readonly string[],
  stdin: string,
): Promise<string> {
  const { exitCode, stdout, stderr } = await programs.run(name, args, stdin);
  if (exitCode === 0) return stdout;
  const said = (stderr.trim() || stdout.trim() || "nothing").split("\n").slice(0, 3).join("; ");
  throw new MeshError({
    kind: "environment",
    code: "INIT_RULES_REFUSED",
    message: `\`${[name, ...args].join(" ")}\` failed with exit code ${exitCode}: ${said}`,
    hint: hintFor(name),
  });
}

function hintFor(name: string): string {
  if (name.startsWith("ip6")) return "where the kernel has no IPv6 NAT, install with disableIpv6=true";
  return name === "nft"
    ? "where the kernel has no nf_tables, install with --set proxyInit.mode=iptables-legacy"
    : "try another of --mode=nft, iptables-nft, iptables-legacy (proxyInit.mode of the installation)";
}
