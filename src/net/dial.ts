import { connect, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { SocketTuning } from "./socket-tuning.ts";

export type DialTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface DialOptions {
  readonly target: DialTarget;
  /** Source address, or undefined for the kernel's choice. */
  readonly localAddress: string | undefined;
  readonly timeoutMs: number;
  readonly tuning?: SocketTuning | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a connection: TCP_NODELAY, half-open allowed. The socket is flowing to nobody yet: attach listeners before the next turn.
 *
 * @throws MeshError `DIAL_TIMEOUT`, `DIAL_FAILED` (the system's code in the message), `DIAL_ABORTED`
 */
export function dial(options: DialOptions): Promise<Socket> {
  const { target, localAddress, timeoutMs, tuning, clock, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(target));
    const socket =
      "path" in target
        ? connect({ path: target.path, allowHalfOpen: true })
        : connect({
            host: target.host,
            port: target.port,
            allowHalfOpen: true,
            noDelay: true,
            ...(localAddress !== undefined && isSameFamily(localAddress, target.host)
              ? { localAddress }
              : {}),
            ...(tuning?.keepAliveMs === undefined
              ? {}
              : { keepAlive: true, keepAliveInitialDelay: tuning.keepAliveMs }),
          });
    const timer = clock.schedule(timeoutMs, () => fail(timedOut(target, timeoutMs)));
    const onAbort = () => fail(aborted(target));
    const onError = (error: Error) => fail(failed(target, error));
    const settle = () => {
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
      socket.off("error", onError);
    };
    const fail = (error: MeshError) => {
      settle();
      socket.destroy();
      reject(error);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onError);
    // For life: a socket between two owners must not end the process.
    socket.on("error", ignoreLateError);
    socket.once("connect", () => {
      settle();
      tuning?.adjust?.(socket);
      resolve(socket);
    });
  });
}

/** `host:port` or the path, for messages. */
export function formatTarget(target: DialTarget): string {
  return "path" in target ? target.path : `${target.host}:${target.port}`;
}

function isSameFamily(left: string, right: string): boolean {
  return left.includes(":") === right.includes(":");
}

function ignoreLateError(): void {
  // Whoever owns the socket listens for itself.
}

function timedOut(target: DialTarget, timeoutMs: number): MeshError {
  return new MeshError({
    kind: "environment",
    code: "DIAL_TIMEOUT",
    message: `no connection to ${formatTarget(target)} within ${timeoutMs} ms`,
  });
}

function failed(target: DialTarget, error: Error): MeshError {
  return new MeshError({
    kind: "environment",
    code: "DIAL_FAILED",
    message: `cannot connect to ${formatTarget(target)}: ${systemErrorCode(error) ?? error.message}`,
    cause: error,
  });
}

function aborted(target: DialTarget): MeshError {
  return new MeshError({
    kind: "environment",
    code: "DIAL_ABORTED",
    message: `connection attempt to ${formatTarget(target)} was given up`,
  });
}
