import net from "node:net";
import tls, { type ConnectionOptions } from "node:tls";
import type { Clock } from "../../base/clock.ts";
import { MeshError, systemErrorCode } from "../../base/error.ts";
import { joinHostPort } from "../../base/ip.ts";

export interface ControlDial {
  /** A Unix socket, in the place of `ip` and `port`. */
  readonly socketPath?: string | undefined;
  readonly ip: string;
  readonly port: number;
  /** Source address; used only when it is of the same family. */
  readonly sourceHost: string | undefined;
  /** Undefined: plaintext, to this host only. */
  readonly tls: ConnectionOptions | undefined;
  /** Bounds TCP and TLS together. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Opens a connection to the control plane, ready to use.
 *
 * @throws MeshError `CONTROL_CONNECT_FAILED`, `CONTROL_SOCKET_FAILED`; `CONTROL_UNTRUSTED` or `TLS_IDENTITY_MISMATCH` when somebody else answers
 */
export function connectControl(dial: ControlDial): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const { socketPath } = dial;
    const where = socketPath ?? joinHostPort(dial.ip, dial.port);
    const failed = socketPath === undefined ? controlFailed : socketFailed;
    const sameFamily = dial.sourceHost !== undefined && net.isIP(dial.sourceHost) === net.isIP(dial.ip);
    const target = {
      host: dial.ip,
      port: dial.port,
      noDelay: true,
      ...(sameFamily ? { localAddress: dial.sourceHost! } : {}),
    };
    const socket: net.Socket = dial.tls
      ? tls.connect({ ...dial.tls, ...target })
      : net.connect(socketPath === undefined ? target : { path: socketPath });
    const timer = dial.clock.schedule(dial.timeoutMs, () =>
      socket.destroy(failed(where, `no answer within ${dial.timeoutMs} ms`)),
    );
    const onError = (cause: Error) => {
      timer.cancel();
      if (cause instanceof MeshError) return reject(cause);
      if (UNTRUSTED.has(systemErrorCode(cause) ?? "")) return reject(untrusted(where, cause));
      reject(failed(where, systemErrorCode(cause) ?? cause.message, cause));
    };
    const onClose = () => onError(new Error("closed during the handshake"));
    socket.once("error", onError);
    socket.once("close", onClose);
    socket.once(dial.tls ? "secureConnect" : "connect", () => {
      timer.cancel();
      socket.removeListener("error", onError);
      socket.removeListener("close", onClose);
      resolve(socket);
    });
  });
}

/** What OpenSSL says of a certificate that no trust anchor stands behind; which of them depends on how the names compare. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  "CERT_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function untrusted(where: string, cause: Error): MeshError {
  return new MeshError({
    kind: "environment",
    code: "CONTROL_UNTRUSTED",
    message: `the control plane at ${where} has a certificate that this proxy's trust anchors did not sign: ${systemErrorCode(cause)}`,
    hint: "anchors are given to a pod when it is injected; if the installation's have changed: kubectl rollout restart",
    cause,
  });
}

function controlFailed(where: string, why: string, cause?: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "CONTROL_CONNECT_FAILED",
    message: `cannot connect to the control plane at ${where}: ${why}`,
    hint: "see `meshctl check` and the control plane's pods",
    cause,
  });
}

function socketFailed(path: string, why: string, cause?: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "CONTROL_SOCKET_FAILED",
    message: `cannot connect to the Unix socket ${path}: ${why}`,
    hint: "who listens there must run on this host, and the socket must be mounted into the pod",
    cause,
  });
}
