import { createServer, type Server, type Socket } from "node:net";
import { MeshError, systemErrorCode } from "../base/error.ts";

export type ListenTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface Listener {
  /** Where it listens: the kernel's choice when port 0 was asked for. Port 0 for a Unix socket. */
  readonly port: number;
  /** Starts to hand out connections; until then they wait in the kernel's backlog or, once accepted, unread. */
  start(): void;
  /** No new connections; those that were handed out are not touched. */
  stop(): Promise<void>;
}

/**
 * Binds a listening socket. Sockets are handed out with TCP_NODELAY, half-open allowed and paused, so that whoever
 * takes them decides when to read.
 *
 * @param what  the listener's role, for the message: `inbound proxy`
 * @throws MeshError `LISTEN_FAILED`
 */
export function listen(
  target: ListenTarget,
  what: string,
  onConnection: (socket: Socket) => void,
): Promise<Listener> {
  const waiting: Socket[] = [];
  let isStarted = false;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    // For life: between two owners, or while nobody has anything to lose yet, an error must not end the process.
    socket.on("error", ignoreError);
    if (isStarted) onConnection(socket);
    else waiting.push(socket);
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, target, what)));
    const onListening = () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" && address ? address.port : 0,
        start() {
          isStarted = true;
          for (const socket of waiting.splice(0)) {
            socket.off("error", ignoreError);
            if (!socket.destroyed) onConnection(socket);
          }
        },
        stop: () => stop(server, waiting),
      });
    };
    if ("path" in target) server.listen(target.path, onListening);
    else server.listen({ host: target.host, port: target.port }, onListening);
  });
}

/** `close` waits for connections that others own: here "stopped" means that nothing new arrives. */
function stop(server: Server, waiting: Socket[]): Promise<void> {
  for (const socket of waiting.splice(0)) socket.destroy();
  server.close();
  return Promise.resolve();
}

function ignoreError(): void {
  // Owners listen for themselves; the destruction that follows shows to whoever comes later.
}

function listenError(error: unknown, target: ListenTarget, what: string): MeshError {
  const where = "path" in target ? target.path : `${target.host}:${target.port}`;
  const code = systemErrorCode(error) ?? "unknown error";
  const hint =
    code === "EADDRINUSE"
      ? "stop the process that uses it, or configure another address"
      : code === "EACCES"
        ? "use a port from 1024, or run with the capability NET_BIND_SERVICE"
        : "check that the address belongs to this host";
  return new MeshError({
    kind: "environment",
    code: "LISTEN_FAILED",
    message: `${what} cannot listen on ${where}: ${code}`,
    hint,
    cause: error,
  });
}
