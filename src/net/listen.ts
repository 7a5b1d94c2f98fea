import { createServer, type Server, type Socket } from "node:net";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { ConnectionLimit } from "./connection-limit.ts";
import type { SocketTuning } from "./socket-tuning.ts";
import { removeStaleSocket } from "./stale-socket.ts";

export type ListenTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ListenOptions {
  readonly tuning?: SocketTuning | undefined;
  /** Bounds the connections that are open; those of all listeners that share it. */
  readonly limit?: ConnectionLimit | undefined;
  /** Connections that may wait to be accepted, count; undefined: 511. */
  readonly backlog?: number | undefined;
  /** Others may listen on the same port; the kernel spreads connections over all of them. */
  readonly reusePort?: boolean;
  /** What sets the address, for the hint: the name of an environment variable. */
  readonly variable?: string;
}

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
 * A Unix socket's file is left over when a process dies: one that nobody listens on is removed first.
 *
 * @param what  the listener's role, for the message: `inbound proxy`
 * @throws MeshError `LISTEN_FAILED`
 */
export async function listen(
  target: ListenTarget,
  what: string,
  onConnection: (socket: Socket) => void,
  { tuning, limit, backlog, reusePort, variable }: ListenOptions = {},
): Promise<Listener> {
  if ("path" in target) await removeStaleSocket(target.path);
  const waiting: Socket[] = [];
  let isStarted = false;
  const keepAliveMs = tuning?.keepAliveMs;
  const options = {
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    ...(keepAliveMs === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: keepAliveMs }),
  };
  const server = createServer(options, (socket) => {
    if (limit && !limit.admit(socket)) return;
    tuning?.adjust?.(socket);
    // For life: between two owners, or while nobody has anything to lose yet, an error must not end the process.
    socket.on("error", ignoreError);
    if (isStarted) onConnection(socket);
    else waiting.push(socket);
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, target, what, variable)));
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
    server.listen(
      {
        ...target,
        ...(backlog === undefined ? {} : { backlog }),
        ...(reusePort && "port" in target ? { reusePort } : {}),
      },
      onListening,
    );
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

function listenError(
  error: unknown,
  target: ListenTarget,
  what: string,
  variable: string | undefined,
): MeshError {
  const where = "path" in target ? target.path : `${target.host}:${target.port}`;
  const code = systemErrorCode(error) ?? "unknown error";
  const finder =
    "path" in target ? "stop who uses it" : `find who has it: ss -ltnp 'sport = :${target.port}'`;
  const hint =
    code === "EADDRINUSE"
      ? `${finder}; or ${variable === undefined ? "configure another address" : `set another address in ${variable}`}`
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
