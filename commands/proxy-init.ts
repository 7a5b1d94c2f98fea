import { existsSync, readFileSync } from "node:fs";
import { systemClock } from "../src/base/clock.ts";
import { MeshError } from "../src/base/error.ts";
import { createLogger } from "../src/base/log.ts";
import type { Command } from "../src/cli/command.ts";
import { setCloseWaitTimeout } from "../src/init/close-wait.ts";
import {
  applyRules,
  capabilitiesFor,
  chooseFirewall,
  FIREWALLS,
  type Firewall,
  renderRules,
} from "../src/init/firewall.ts";
import { machinePrograms } from "../src/init/machine-programs.ts";
import { requireCapabilities } from "../src/init/privileges.ts";
import { planRedirect, type RedirectOptions } from "../src/init/redirect-plan.ts";

export const command: Command = {
  name: "proxy-init",
  summary: "write the rules that redirect a pod's connections to its proxy, and end",
  description:
    "Run by the injected init container, in the pod's network. Only TCP is redirected. The proxy's own connections (by user or group), those over loopback, skipped ports and skipped subnets are left alone. A second run replaces the rules of the first.\n" +
    "Needs the capability NET_ADMIN, and NET_RAW for iptables-legacy. Where what --mode names is missing, the first of nft, iptables-nft, iptables and iptables-legacy that is there is used.",
  flags: [
    {
      name: "mode",
      type: "string",
      summary: "what writes the rules",
      choices: FIREWALLS,
      default: "nft",
    },
    {
      name: "incoming-proxy-port",
      short: "p",
      type: "number",
      summary: "where connections to the pod go",
      default: 4143,
    },
    {
      name: "outgoing-proxy-port",
      short: "o",
      type: "number",
      summary: "where connections of the pod go",
      default: 4140,
    },
    { name: "proxy-uid", short: "u", type: "number", summary: "user of the proxy; 0: none", default: 2102 },
    { name: "proxy-gid", short: "g", type: "number", summary: "group of the proxy; -1: none", default: -1 },
    {
      name: "ports-to-redirect",
      short: "r",
      type: "string",
      placeholder: "PORTS",
      summary: "only these inbound ports",
    },
    {
      name: "inbound-ports-to-ignore",
      type: "string",
      placeholder: "PORTS",
      summary: "inbound ports and ranges that bypass the proxy",
    },
    {
      name: "outbound-ports-to-ignore",
      type: "string",
      placeholder: "PORTS",
      summary: "outbound ports and ranges that bypass the proxy",
    },
    {
      name: "subnets-to-ignore",
      type: "string",
      placeholder: "CIDRS",
      summary: "peers that bypass the proxy, in both directions",
    },
    {
      name: "ipv6",
      type: "boolean",
      summary: "rules for IPv6 as well, where the kernel has it",
      default: true,
    },
    {
      name: "timeout-close-wait-secs",
      type: "number",
      placeholder: "SECONDS",
      summary: "how long half-closed connections are remembered; needs a privileged container",
    },
    { name: "dry-run", type: "boolean", summary: "print the rules and change nothing" },
    { name: "force", type: "boolean", summary: "write the rules although this is not the mesh's image" },
    {
      name: "log-format",
      type: "string",
      summary: "log lines",
      choices: ["plain", "json"],
      default: "plain",
    },
  ],
  examples: [
    { command: "meshctl proxy-init --dry-run", does: "the rules of a pod without any annotation" },
    {
      command: "meshctl proxy-init --inbound-ports-to-ignore=4190,4191,25 --subnets-to-ignore=10.1.0.0/16",
      does: "as the init container runs it",
    },
  ],
  async run(options, _args, { console, env }) {
    const text = (key: string): string => (options[key] as string | undefined) ?? "";
    const plan = planRedirect({
      ...(options as unknown as RedirectOptions),
      portsToRedirect: text("portsToRedirect"),
      inboundPortsToIgnore: text("inboundPortsToIgnore"),
      outboundPortsToIgnore: text("outboundPortsToIgnore"),
      subnetsToIgnore: text("subnetsToIgnore"),
      // A kernel without IPv6 has nothing to redirect, and refuses its rules.
      ipv6: options.ipv6 === true && (options.dryRun === true || existsSync("/proc/net/if_inet6")),
    });
    const mode = options.mode as Firewall;
    if (options.dryRun === true) {
      console.stdout.write(renderRules(mode, plan));
      return { exitCode: 0 };
    }
    requirePod(env, options.force === true);
    const log = createLogger({
      level: "info",
      format: options.logFormat as "plain" | "json",
      write: (line) => console.stderr.write(line),
      now: () => systemClock.now(),
    });
    const programs = machinePrograms(env);
    const firewall = chooseFirewall(mode, programs);
    if (firewall !== mode) log.warn(`${mode} is not on the PATH`, { using: firewall });
    requireCapabilities(readFileSync("/proc/self/status", "utf8"), capabilitiesFor(firewall));
    const closeWait = options.timeoutCloseWaitSecs as number | undefined;
    if (closeWait !== undefined) setCloseWaitTimeout(closeWait);
    await applyRules(firewall, plan, programs);
    log.info("redirecting TCP to the proxy", {
      firewall,
      families: plan.families.map((family) => `IPv${family}`).join(","),
      inbound: plan.inboundPort,
      outbound: plan.outboundPort,
    });
    return { exitCode: 0 };
  },
};

/**
 * Typed on a node or a laptop, this command would send every connection of the machine to a proxy that is not there.
 *
 * @throws MeshError `INIT_OUTSIDE_POD`
 */
function requirePod(env: Readonly<Record<string, string | undefined>>, isForced: boolean): void {
  if (isForced || env.MESHCTL_IMAGE === "1") return;
  throw new MeshError({
    kind: "user",
    code: "INIT_OUTSIDE_POD",
    message: "this is not the mesh's image: the rules would redirect all TCP of this machine's network",
    hint: "look at them with `meshctl proxy-init --dry-run`, or write them here with --force (undo: `nft delete table ip meshctl; nft delete table ip6 meshctl`)",
  });
}
