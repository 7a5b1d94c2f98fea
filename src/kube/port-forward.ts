import type { Agent, OutgoingHttpHeaders } from "node:http";
import { Duplex } from "node:stream";
import WebSocket from "ws";
import { MeshError } from "../base/error.ts";
import { type ConnectionFacts, toConnectError, toStatusError } from "./connect-error.ts";
import { readStatusError } from "./status-error.ts";

export interface PortForwardOptions {
  readonly url: string;
  readonly path: string;
  /** `namespace/pod:port`, for messages. */
  readonly target: string;
  readonly port: number;
  readonly headers: OutgoingHttpHeaders;
  readonly agent: Agent;
  readonly facts: ConnectionFacts;
  readonly signal: AbortSignal | undefined;
}

const DATA_CHANNEL = 0;
const ERROR_CHANNEL = 1;
/** Each channel's first frame carries the port (two bytes, little endian), not data. */
const PORT_BYTES = 2;
const OPEN_TIMEOUT_MS = 15_000;

/**
 * One connection to a port of a pod: a WebSocket in the protocol `v4.channel.k8s.io`, whose frames begin with a channel byte
 * (0 data, 1 error, as for the first forwarded port).
 *
 * The protocol has no half close: ending the writable side is not told to the pod; destroying the stream closes both.
 */
export function openPortForward(options: PortForwardOptions): Promise<Duplex> {
  const { signal, facts } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = new WebSocket(options.url, ["v4.channel.k8s.io"], {
      headers: options.headers as Record<string, string>,
      agent: options.agent,
      perMessageDeflate: false,
      handshakeTimeout: OPEN_TIMEOUT_MS,
    });
    const onAbort = (): void => socket.terminate();
    signal?.addEventListener("abort", onAbort, { once: true });
    const fail = (error: unknown): void => {
      signal?.removeEventListener("abort", onAbort);
      reject(signal?.aborted ? signal.reason : toConnectError(error, facts));
    };
    socket.once("unexpected-response", (_request, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("close", () => {
        const error = readStatusError(response.statusCode ?? 0, Buffer.concat(chunks));
        fail(toStatusError(error, "GET", options.path, facts));
        socket.terminate();
      });
    });
    socket.once("error", fail);
    socket.once("open", () => {
      socket.off("error", fail);
      signal?.removeEventListener("abort", onAbort);
      resolve(new ForwardedConnection(socket, options));
    });
  });
}

class ForwardedConnection extends Duplex {
  readonly #socket: WebSocket;
  /** Bytes of the port prefix that are still to come, by channel. */
  readonly #prefix = [PORT_BYTES, PORT_BYTES];
  #errorText = "";

  constructor(socket: WebSocket, options: PortForwardOptions) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    const { signal } = options;
    const onAbort = (): void => void this.destroy(signal!.reason as Error);
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.on("message", (data: Buffer) => this.#receive(data, options.target));
    socket.on("error", (error) => this.destroy(toConnectError(error, options.facts)));
    socket.once("close", () => {
      signal?.removeEventListener("abort", onAbort);
      this.push(null);
      if (!this.writableEnded) this.end();
    });
  }

  #receive(frame: Buffer, target: string): void {
    const channel = frame[0];
    if (channel !== DATA_CHANNEL && channel !== ERROR_CHANNEL) return;
    const skip = Math.min(this.#prefix[channel]!, frame.length - 1);
    this.#prefix[channel]! -= skip;
    const body = frame.subarray(1 + skip);
    if (body.length === 0) return;
    if (channel === ERROR_CHANNEL) {
      this.#errorText = body.toString("utf8").trim();
      const error = new MeshError({
        kind: "environment",
        code: "KUBE_PORT_FORWARD",
        message: `port-forward to ${target}: ${this.#errorText}`,
        hint: "does the container listen on that port? `kubectl describe pod` shows whether it runs",
      });
      // The frame may arrive with the handshake, before whoever opened the stream could listen for its errors.
      setImmediate(() => this.destroy(error));
      return;
    }
    if (!this.push(body)) this.#socket.pause();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      callback(new Error("the forwarded connection is closed"));
      return;
    }
    const frame = Buffer.allocUnsafe(chunk.length + 1);
    frame[0] = DATA_CHANNEL;
    chunk.copy(frame, 1);
    this.#socket.send(frame, (error) => callback(error));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Nobody reads any more. Paused, the socket would not see the other side's close either, and wait for it in vain.
    this.#socket.removeAllListeners("message");
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.resume();
      this.#socket.close();
    } else this.#socket.terminate();
    callback(error);
  }
}
