import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { KubeObject } from "../../../base/kube-object.ts";
import type { PodBackend } from "../../object-api.ts";
import { badRequest } from "../status.ts";

const PROTOCOL = "v4.channel.k8s.io";
/** A client that does not read stops the pod's side when this much waits (bytes). */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/**
 * pods/portforward as WebSocket channels: for port number i of the query, channel 2i carries data and 2i+1 errors. The first frame of each
 * channel, server to client, holds the port (unsigned 16 bits, little endian).
 *
 *   frame = channel (1 byte) | bytes
 *
 * @see Kubernetes: staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go (the protocol's description)
 */
export function servePortForward(
  backend: PodBackend,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  pod: KubeObject,
  query: URLSearchParams,
): void {
  const ports = query
    .getAll("ports")
    .flatMap((each) => each.split(","))
    .map(Number);
  if (ports.length === 0) throw badRequest('query parameter "ports" is required');
  if (ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65535)) {
    throw badRequest(`query parameter "ports" holds no port: ${query.getAll("ports").join(",")}`);
  }
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
  server.handleUpgrade(request, socket, head, (client) => {
    for (const [index, port] of ports.entries()) forwardPort(backend, client, pod, index, port);
  });
}

/** Whether the client speaks the protocol above. */
export function speaksChannels(request: IncomingMessage): boolean {
  const offered = request.headers["sec-websocket-protocol"] ?? "";
  return offered.split(",").some((each) => each.trim() === PROTOCOL);
}

function forwardPort(
  backend: PodBackend,
  client: WebSocket,
  pod: KubeObject,
  index: number,
  port: number,
): void {
  const channel = index * 2;
  const send = (to: number, bytes: Buffer): void => {
    if (client.readyState === client.OPEN) client.send(Buffer.concat([Buffer.from([to]), bytes]));
  };
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16LE(port);
  send(channel, portBytes);
  send(channel + 1, portBytes);

  // What arrives before the connection stands waits here.
  let early: Buffer[] | undefined = [];
  let upstream: Socket | undefined;
  client.on("message", (data: Buffer, isBinary: boolean) => {
    const frame = Buffer.isBuffer(data) ? data : Buffer.from(data as ArrayBuffer);
    if (!isBinary || frame.length === 0 || frame[0] !== channel) return;
    const bytes = frame.subarray(1);
    if (!upstream) early?.push(bytes);
    else if (!upstream.write(bytes)) {
      client.pause();
      upstream.once("drain", () => client.resume());
    }
  });
  client.on("close", () => upstream?.destroy());
  client.on("error", () => upstream?.destroy());

  const { namespace, name } = pod.metadata;
  backend.connect(namespace!, name!, port, "portforward").then(
    (connected) => {
      upstream = connected;
      if (client.readyState !== client.OPEN) {
        connected.destroy();
        return;
      }
      for (const bytes of early ?? []) connected.write(bytes);
      early = undefined;
      connected.on("data", (bytes: Buffer) => {
        send(channel, bytes);
        if (client.bufferedAmount > BACKLOG_BYTES_MAX) {
          connected.pause();
          resumeWhenSent(client, connected);
        }
      });
      connected.on("error", (error) => send(channel + 1, Buffer.from(error.message)));
      connected.on("close", () => client.close(1000));
    },
    (caught: unknown) => {
      const why = caught instanceof Error ? caught.message : String(caught);
      send(channel + 1, Buffer.from(`error forwarding port ${port} to pod ${name}: ${why}`));
      client.close(1000);
    },
  );
}

/** A ping's callback runs when everything queued before it has left. */
function resumeWhenSent(client: WebSocket, upstream: Socket): void {
  if (client.readyState !== client.OPEN) return;
  client.ping(undefined, undefined, () => upstream.resume());
}
