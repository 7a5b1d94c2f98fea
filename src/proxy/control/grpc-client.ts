import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { MeshError, toMeshError } from "../../base/error.ts";
import { joinHostPort } from "../../base/ip.ts";
import type { Logger } from "../../base/log.ts";
import type { BackoffConfig, ControlAddress } from "../config.ts";
import type { CallObserver } from "../metrics/control-calls.ts";
import { connectControl } from "./connect-control.ts";
import { callGrpc, type GrpcMetadata } from "./grpc-call.ts";
import { GrpcSession } from "./grpc-session.ts";
import { grpcError, grpcStatusOfError } from "./grpc-status.ts";
import type { HostResolver } from "./resolve-host.ts";

export interface GrpcClientOptions {
  readonly address: ControlAddress;
  readonly resolver: HostResolver;
  /** A Unix socket on which the service is reached in clear, whatever the address says. */
  readonly socketPath?: string | undefined;
  /** Goes with each call. */
  readonly metadata?: GrpcMetadata | undefined;
  /** Made anew for each connection, so that rotation reaches the next; not called for plaintext. */
  readonly tlsOptions: (name: string) => ConnectionOptions;
  /** Connections wait for this: the first certificate. */
  readonly ready?: Promise<void> | undefined;
  readonly sourceHost?: string | undefined;
  readonly connectTimeoutMs: number;
  readonly backoff: BackoffConfig;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Counts calls; absent: nobody does. */
  readonly calls?: CallObserver | undefined;
}

/** Calls to one control-plane service. All of them share one connection, which is made when the first needs it. */
export interface GrpcClient {
  /** @throws MeshError `CONTROL_<STATUS>`, or what kept the connection from coming up */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<MessageShape<O>>;
  /** Resolves when the server ends the stream with OK. @throws as `unary` */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: { readonly signal: AbortSignal; readonly onMessage: (message: MessageShape<O>) => void },
  ): Promise<void>;
  close(): void;
}

const CUT = new MeshError({
  kind: "environment",
  code: "CONTROL_CONNECT_FAILED",
  message: "the connection to the control plane was cut",
});

/**
 * A gRPC client on the proxy's own HTTP/2.
 *
 * ```
 *   idle --call--> connecting --connected--> ready --closed, GOAWAY, PING unanswered--> idle
 *                      |  failed: waiting calls fail; the next attempt waits for the back-off
 *                      +--> idle
 * ```
 *
 * Each connection resolves the name again and takes the next address, from a random start, so that a thousand proxies spread over
 * the replicas. When DNS fails, the addresses known last are used.
 */
export function createGrpcClient(options: GrpcClientOptions): GrpcClient {
  const { address, clock, log } = options;
  const authority =
    options.socketPath === undefined ? joinHostPort(address.host, address.port) : address.host;
  const backoff = new Backoff({ ...options.backoff, random: options.random });
  const closing = new AbortController();
  let session: GrpcSession | undefined;
  /** The one made last: it may not be ready yet, or be retired with calls on it. */
  let opening: GrpcSession | undefined;
  let connecting: Promise<GrpcSession> | undefined;
  let addresses: readonly string[] = [];
  let turn = Math.floor(options.random() * 1024);
  let notBefore = 0;
  /**
   * Why the control plane is away, as a code; undefined while it is not. One line tells of an outage, one of each new cause (it came
   * back with other trust anchors), and one of its end, however many streams and attempts lie between.
   */
  let downCode: string | undefined;
  const noteDown = ({ code, message, hint }: MeshError): void => {
    if (closing.signal.aborted) return;
    const level = downCode === code ? "debug" : "warn";
    downCode = code;
    log[level]("control plane is away; what is known stays in use", {
      service: authority,
      error: message,
      ...(code === "CONTROL_UNTRUSTED" ? { hint } : {}),
    });
  };
  const noteUp = (ip: string): void => {
    if (downCode !== undefined) log.info("control plane is back", { service: authority, address: ip });
    downCode = undefined;
  };

  const resolveAddresses = async (): Promise<readonly string[]> => {
    try {
      addresses = await options.resolver.resolve(address.host);
    } catch (caught) {
      if (addresses.length === 0) throw caught;
      log.debug("control plane name not resolved; using the addresses known last", {
        name: address.host,
        error: toMeshError(caught).message,
      });
    }
    return addresses;
  };

  const connect = async (): Promise<GrpcSession> => {
    await options.ready;
    const waitMs = notBefore - clock.monotonic();
    if (waitMs > 0) await sleep(clock, waitMs, closing.signal);
    try {
      const { socketPath } = options;
      const candidates = socketPath === undefined ? await resolveAddresses() : [socketPath];
      const ip = candidates[turn++ % candidates.length]!;
      const socket = await connectControl({
        socketPath,
        ip,
        port: address.port,
        sourceHost: options.sourceHost,
        tls: address.name === undefined ? undefined : options.tlsOptions(address.name),
        timeoutMs: options.connectTimeoutMs,
        clock,
      });
      if (closing.signal.aborted) {
        socket.destroy();
        throw grpcError("CANCELLED", "the client is closed");
      }
      const opened = await openSession(socket, ip);
      backoff.reset();
      return opened;
    } catch (caught) {
      notBefore = clock.monotonic() + backoff.nextMs();
      noteDown(toMeshError(caught));
      throw caught;
    }
  };

  /** Resolves once the server has said how many calls it takes. */
  const openSession = (socket: Duplex, ip: string): Promise<GrpcSession> =>
    new Promise((resolve, reject) => {
      const retire = () => {
        if (session === opened) session = undefined;
      };
      const timer = clock.schedule(options.connectTimeoutMs, () => opened.destroy());
      const opened: GrpcSession = new GrpcSession({
        socket,
        clock,
        onReady() {
          timer.cancel();
          session = opened;
          noteUp(ip);
          log.debug("connected to the control plane", { service: authority, address: ip });
          resolve(opened);
        },
        onRetired: retire,
        onClosed() {
          timer.cancel();
          if (session === opened) noteDown(CUT);
          retire();
          reject(CUT);
        },
      });
      opening = opened;
    });

  const sessionFor = async (signal: AbortSignal): Promise<GrpcSession> => {
    if (closing.signal.aborted) throw grpcError("CANCELLED", `${authority}: the client is closed`);
    if (session?.isUsable) return session;
    connecting ??= connect().finally(() => {
      connecting = undefined;
    });
    return raceAbort(connecting, signal, authority);
  };

  const run = async <I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    request: MessageInitShape<I>,
    signal: AbortSignal,
    onMessage: (message: MessageShape<O>) => void,
    timeoutMs?: number,
  ): Promise<void> => {
    const both = AbortSignal.any([signal, closing.signal]);
    const session = await sessionFor(both);
    const watch = options.calls?.begin();
    const called = callGrpc({
      session,
      authority,
      path: `/${method.parent.typeName}/${method.name}`,
      request: toBinary(method.input, create(method.input, request)),
      metadata: options.metadata,
      timeoutMs,
      signal: both,
      ...(watch ? { onHead: (status: number) => watch.responded(status) } : {}),
      onMessage: (bytes) => onMessage(fromBinary(method.output, bytes)),
    });
    if (watch) {
      called.then(
        () => watch.ended(0),
        (error: unknown) => watch.ended(grpcStatusOfError(error)),
      );
    }
    await called;
  };

  return {
    async unary(method, request, { timeoutMs, signal }) {
      const deadline = new AbortController();
      const timer = clock.schedule(timeoutMs, () => deadline.abort());
      const answers: MessageShape<typeof method.output>[] = [];
      try {
        const both = signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal;
        await run(method, request, both, (message) => answers.push(message), timeoutMs);
      } catch (caught) {
        if (!deadline.signal.aborted) throw caught;
        throw grpcError("DEADLINE_EXCEEDED", `${authority}: no answer within ${timeoutMs} ms`, caught);
      } finally {
        timer.cancel();
      }
      if (answers.length !== 1)
        throw grpcError("INTERNAL", `${method.name}: ${answers.length} answers to a unary call`);
      return answers[0]!;
    },
    stream: (method, request, { signal, onMessage }) => run(method, request, signal, onMessage),
    close() {
      closing.abort();
      session?.destroy();
      opening?.destroy();
    },
  };
}

function raceAbort<T>(promise: Promise<T>, signal: AbortSignal, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(grpcError("CANCELLED", `${what}: aborted while connecting`));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
