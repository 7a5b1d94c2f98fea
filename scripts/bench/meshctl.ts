import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Children } from "./children.ts";
import { type Contestant, pidOf } from "./contestants.ts";
import type { ControlPlaneAddress, ServedPlace } from "./control-plane.ts";
import { BACKEND_PORTS, type Network, OPAQUE_PORTS } from "./places.ts";

/** One build of meshctl that takes part. */
export interface MeshctlEntry {
  readonly name: string;
  /** The bundle's entry. */
  readonly program: string;
  /** Given to Node before the program. */
  readonly nodeFlags: readonly string[];
}

export const BUILT_ENTRY = fileURLToPath(new URL("../../dist/meshctl.js", import.meta.url));

const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
const IDENTITY = "meshctl-identity.meshctl.serviceaccount.identity.meshctl.cluster.local";

/** How the control plane is to know the server of a pair. */
export function servedPlace(network: Network, index: number): ServedPlace {
  return {
    namespace: `bench-${index}`,
    place: network.place(index),
    inboundPort: 4143 + 10 * index,
    ports: Object.values(BACKEND_PORTS),
    opaquePorts: OPAQUE_PORTS,
  };
}

/** Starts the real control plane in a process of its own. */
export async function startControlPlane(
  network: Network,
  children: Children,
  dir: string,
  places: readonly ServedPlace[],
): Promise<ControlPlaneAddress> {
  const script = fileURLToPath(new URL("control-plane.ts", import.meta.url));
  const command = [process.execPath, script, network.controlHost, dir, JSON.stringify(places)];
  const child = children.start("control-plane", network.clientCommand(command));
  return JSON.parse(await children.line("control-plane", child)) as ControlPlaneAddress;
}

/** Starts both proxies as the injector would: mTLS, the default policy, records and metrics on. */
export async function startMeshctl(
  network: Network,
  children: Children,
  served: ServedPlace,
  control: ControlPlaneAddress,
  entry: MeshctlEntry,
): Promise<Contestant> {
  if (!existsSync(entry.program)) throw new Error(`${entry.program} is missing: npm run build`);
  const { place, namespace, inboundPort } = served;
  const start = (side: "client" | "server", variables: Record<string, string>) => {
    const env = Object.fromEntries(
      Object.entries({ ...sharedVariables(network, served, control, side), ...variables }).map(
        ([name, value]) => [`MESHCTL_PROXY_${name}`, value],
      ),
    );
    const command = [process.execPath, ...entry.nodeFlags, entry.program, "proxy"];
    return children.startQuiet(`${entry.name}-${side}`, network.proxyCommand(side, command), {
      PATH: process.env.PATH,
      ...env,
    });
  };
  const inbound = start("server", {
    POLICY_WORKLOAD: JSON.stringify({ ns: namespace, pod: "web-1" }),
    INBOUND_PORTS: served.ports.join(","),
    ...(network.kind === "loopback"
      ? {
          INBOUND_LISTENERS: served.ports
            .map((port) => `${place.serverHost}:${port}=${place.appHost}:${port}`)
            .join(","),
          INBOUND_APP_HOST: place.appHost,
        }
      : {}),
  });
  const outbound = start("client", {
    POLICY_WORKLOAD: JSON.stringify({ ns: namespace, pod: "client-1" }),
    ...(network.kind === "loopback"
      ? {
          OUTBOUND_SERVICES: served.ports
            .map((port) => `${place.entryHost}:${port}=web.${namespace}.svc.cluster.local:${port}`)
            .join(","),
          OUTBOUND_SOURCE_HOST: place.clientHost,
        }
      : {}),
  });
  const outboundPort = 4140 + 10 * place.index;
  network.redirect(place, { outbound: () => outboundPort, inbound: inboundPort });
  await accepts(children, `${entry.name}-server`);
  await accepts(children, `${entry.name}-client`);
  return {
    name: entry.name,
    entryHost: place.entryHost,
    outbound: pidOf(outbound),
    inbound: pidOf(inbound),
  };
}

function sharedVariables(
  network: Network,
  { place, namespace, inboundPort, opaquePorts }: ServedPlace,
  control: ControlPlaneAddress,
  side: "client" | "server",
): Record<string, string> {
  const address = (port: number) => `${network.controlHost}:${port}`;
  const isLoopback = network.kind === "loopback";
  const own = side === "client" ? [place.clientHost, place.entryHost] : [place.serverHost, place.appHost];
  return {
    LOG: "info",
    CAPTURE: isLoopback ? "explicit" : "transparent",
    ...(isLoopback ? { OWN_NETWORKS: own.map((host) => `${host}/32`).join(",") } : {}),
    IDENTITY_LOCAL_NAME: `default.${namespace}.serviceaccount.identity.meshctl.cluster.local`,
    IDENTITY_TRUST_ANCHORS: control.trustAnchorsPem,
    IDENTITY_TOKEN_FILE: control.tokenFile + namespace,
    IDENTITY_SVC_ADDR: address(control.identityPort),
    IDENTITY_SVC_NAME: IDENTITY,
    DESTINATION_SVC_ADDR: address(control.destinationPort),
    DESTINATION_SVC_NAME: CONTROLLER,
    DESTINATION_CONTEXT: JSON.stringify({ ns: namespace, pod: side === "client" ? "client-1" : "web-1" }),
    DESTINATION_PROFILE_NETWORKS: "10.0.0.0/8,127.0.0.0/8",
    POLICY_CLUSTER_NETWORKS: "10.0.0.0/8,127.0.0.0/8",
    POLICY_SVC_ADDR: address(control.policyPort),
    POLICY_SVC_NAME: CONTROLLER,
    INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION: opaquePorts.join(","),
    INBOUND_LISTEN_ADDR: `${isLoopback ? place[side === "client" ? "clientHost" : "serverHost"] : "0.0.0.0"}:${inboundPort}`,
    OUTBOUND_LISTEN_ADDR: `${isLoopback ? own[1]! : "127.0.0.1"}:${4140 + 10 * place.index}`,
    ADMIN_LISTEN_ADDR: `${isLoopback ? own[0]! : "127.0.0.1"}:${4141 + 10 * place.index}`,
  };
}

/** Until a proxy says that it takes connections. */
async function accepts(children: Children, name: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (readFileSync(children.logOf(name), "utf8").includes("accepting connections")) return;
    await sleep(100);
  }
  throw new Error(`${name} does not accept connections: see ${children.logOf(name)}`);
}
