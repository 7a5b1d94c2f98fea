import { connect, createServer, type Server, type Socket } from "node:net";
import { systemErrorCode } from "../../base/error.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import type { Controller, ControllerContext } from "../controllers/controller.ts";
import { WorkQueue } from "../controllers/work-queue.ts";
import { objectKey, SERVICES, splitKey } from "../resources.ts";
import { readyEndpoints } from "./ready-endpoints.ts";

interface Forwarder {
  readonly namespace: string;
  readonly service: string;
  /** Undefined when the address could not be bound: told once, not tried again at each change of the Service. */
  readonly server: Server | undefined;
  readonly sockets: ReadonlySet<Socket>;
}

const DIAL_ATTEMPTS_MAX = 3;

/**
 * Stands in for kube-proxy: a listener on each ClusterIP and TCP port that hands connections to the ready endpoints in turn.
 * Only clients without a proxy use it.
 */
export function startServiceForwarders(
  context: ControllerContext,
  options: {
    /** Whether an address is a pod's: then the dial keeps it as its source, so that the server sees who called. */
    readonly isPodAddress: (address: string) => boolean;
  },
): Controller {
  const { objects, clock, log, events } = context;
  /** By `127.5.16.1:80`. */
  const forwarders = new Map<string, Forwarder>();

  const queue = new WorkQueue({
    name: "service-forwarder",
    clock,
    log,
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key);
      const service = objects.get(SERVICES, namespace, name);
      const wanted = new Set(service ? addressesOf(service) : []);
      for (const [address, forwarder] of forwarders) {
        const isOurs = forwarder.namespace === namespace && forwarder.service === name;
        if (isOurs && !wanted.has(address)) {
          forwarders.delete(address);
          close(forwarder);
        }
      }
      for (const address of wanted) {
        if (!forwarders.has(address)) await open(service!, address);
      }
    },
  });

  const open = async (service: KubeObject, address: string): Promise<void> => {
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon);
    const port = Number(address.slice(colon + 1));
    const sockets = new Set<Socket>();
    const namespace = service.metadata.namespace!;
    const name = service.metadata.name!;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      track(sockets, client);
      forward(client, 0);
    });
    let turn = 0;
    const forward = (client: Socket, attempt: number): void => {
      const ready = readyEndpoints(objects, namespace, name, port);
      const target = ready[turn++ % Math.max(1, ready.length)];
      if (!target) return void client.resetAndDestroy();
      const source = client.remoteAddress;
      const upstream = connect({
        host: target.host,
        port: target.port,
        allowHalfOpen: true,
        ...(source && options.isPodAddress(source) ? { localAddress: source } : {}),
      });
      track(sockets, upstream);
      let connected = false;
      upstream.once("connect", () => {
        connected = true;
        client.pipe(upstream);
        upstream.pipe(client);
        client.resume();
      });
      upstream.once("error", () => {
        if (!connected && attempt + 1 < DIAL_ATTEMPTS_MAX && !client.destroyed) forward(client, attempt + 1);
        else client.resetAndDestroy();
      });
      client.once("close", () => upstream.destroy());
    };
    await new Promise<void>((resolve) => {
      server.once("error", (error) => {
        forwarders.set(address, { namespace, service: name, server: undefined, sockets });
        const reason = systemErrorCode(error) ?? error.message;
        events.record(
          service,
          "Warning",
          "ServicePortNotBound",
          `${address} cannot be bound (${reason}): clients without a proxy cannot reach the Service there; meshed clients can`,
        );
        resolve();
      });
      server.listen({ host, port, exclusive: true }, () => {
        forwarders.set(address, { namespace, service: name, server, sockets });
        resolve();
      });
    });
  };

  // Endpoints are read at each connection: only Services need watching.
  const stop = objects.watch(SERVICES, (_type, service) => queue.add(objectKey(service)));
  return {
    stop: () => {
      stop();
      queue.stop();
      for (const forwarder of forwarders.values()) close(forwarder);
      forwarders.clear();
    },
    idle: () => queue.idle(),
  };
}

function addressesOf(service: KubeObject): string[] {
  const ip: string | undefined = service.spec?.clusterIP;
  if (!ip || ip === "None" || service.spec.type === "ExternalName") return [];
  return (service.spec.ports ?? [])
    .filter((port: { protocol?: string }) => (port.protocol ?? "TCP") === "TCP")
    .map((port: { port: number }) => `${ip}:${port.port}`);
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on("error", () => socket.destroy());
  socket.once("close", () => sockets.delete(socket));
}

function close(forwarder: Forwarder): void {
  forwarder.server?.close();
  for (const socket of forwarder.sockets) socket.destroy();
}
