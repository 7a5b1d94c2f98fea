import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { BACKEND_PORTS, type Network, type Place } from "./places.ts";

/** The proxies' user: what it sends is not redirected, as with proxy-init. */
export const PROXY_USER = 2102;
const CLIENT = "meshctl-bench-a";
const SERVER = "meshctl-bench-b";
/** Pairs that may run at once. */
export const PLACES_MAX = 8;
/** Open files a process: the idle connections, on both sides of a proxy, and room. */
const FILES_MAX = 100_000;

const PLACES: readonly Place[] = Array.from({ length: PLACES_MAX }, (_, index) => ({
  index,
  entryHost: `10.251.0.${10 + index}`,
  serviceHost: `10.251.0.${10 + index}`,
  clientHost: "10.250.0.1",
  serverHost: `10.250.0.${10 + index}`,
  appHost: `10.250.0.${10 + index}`,
}));

/**
 * Two network namespaces joined by a veth pair: applications as root, proxies as a user of their own, traffic redirected by
 * iptables as an init container would.
 *
 *     a: load -> (redirect) -> outbound  ==veth==  b: inbound -> backend
 */
export function createNamespaces(): Network {
  removeNamespaces();
  const setup = `
    ip netns add ${CLIENT}; ip netns add ${SERVER}
    ip link add va netns ${CLIENT} type veth peer name vb netns ${SERVER}
    ip -n ${CLIENT} addr add 10.250.0.1/24 dev va
    ${PLACES.map(({ serverHost }) => `ip -n ${SERVER} addr add ${serverHost}/24 dev vb`).join("\n")}
    ip -n ${CLIENT} link set lo up; ip -n ${SERVER} link set lo up
    ip -n ${CLIENT} link set va up; ip -n ${SERVER} link set vb up
    ip -n ${CLIENT} route add 10.251.0.0/24 dev va
    for n in ${CLIENT} ${SERVER}; do
      ip netns exec $n sysctl -qw net.core.somaxconn=16384 net.ipv4.ip_local_port_range='10240 65000' net.ipv4.tcp_max_syn_backlog=16384
    done`;
  run("sh", ["-ec", setup]);
  // One core for load and backend, one for all proxies: what they cost is then comparable.
  const pin = (core: number) => (availableParallelism() > 1 ? ["taskset", "-c", String(core)] : []);
  const filesMax = openFilesMax();
  const within = (name: string, core: number) => [
    ...["prlimit", `--nofile=${filesMax}`, "ip", "netns", "exec", name],
    ...pin(core),
  ];
  const asProxy = [`--reuid=${PROXY_USER}`, `--regid=${PROXY_USER}`, "--clear-groups"];
  return {
    kind: "namespaces",
    description: "two network namespaces, redirected; load and backend on one core, proxies on another",
    controlHost: "10.250.0.1",
    place: (index) => PLACES[index]!,
    clientCommand: (command) => [...within(CLIENT, 0), ...command],
    serverCommand: (command) => [...within(SERVER, 0), ...command],
    proxyCommand: (side, command) => [
      ...within(side === "client" ? CLIENT : SERVER, 1),
      "setpriv",
      ...asProxy,
      ...command,
    ],
    redirect(place, { outbound, inbound }) {
      const ports = Object.values(BACKEND_PORTS);
      for (const port of ports) {
        const match = `-p tcp -d ${place.entryHost} --dport ${port} -m owner ! --uid-owner ${PROXY_USER}`;
        iptables(CLIENT, `-A OUTPUT ${match} -j REDIRECT --to-ports ${outbound(port)}`);
      }
      if (inbound === undefined) return;
      const match = `-p tcp -d ${place.serverHost} -m multiport --dports ${ports.join(",")}`;
      iptables(SERVER, `-A PREROUTING ${match} -j REDIRECT --to-ports ${inbound}`);
    },
    close: removeNamespaces,
  };
}

/** As many open files as may be had: root in a container cannot always raise its limit. */
function openFilesMax(): string {
  const wanted = spawnSync("prlimit", [`--nofile=${FILES_MAX}`, "true"]);
  if (wanted.status === 0) return String(FILES_MAX);
  return /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))![1]!;
}

function iptables(namespace: string, rule: string): void {
  run("ip", ["netns", "exec", namespace, "iptables", "-w", "-t", "nat", ...rule.split(" ")]);
}

/** Also what an earlier run left behind that was killed. */
function removeNamespaces(): void {
  for (const name of [CLIENT, SERVER]) spawnSync("ip", ["netns", "del", name], { stdio: "ignore" });
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`${program} ${args.slice(0, 6).join(" ")}: ${error?.message ?? stderr.trim()}`);
}
