import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ObserveRequestSchema, Tap, TapEventSchema } from "../../api/gen/io/linkerd/proxy/tap_pb.js";
import type { Clock } from "../../base/clock.ts";
import { toMeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { type Credentials, ownName } from "../../identity/credentials.ts";
import { secureServer } from "../../identity/mesh-handshake.ts";
import { type Found, lookAtFirstBytes } from "../../net/first-bytes.ts";
import { listen } from "../../net/listen.ts";
import { LiveTransport } from "../../observe/live-exchange.ts";
import type { H2Stream, H2StreamListener } from "../../wire/h2-stream.ts";
import { Fields } from "../../wire/http1-fields.ts";
import { type RequestHead, ResponseHead } from "../../wire/http1-head.ts";
import { sniffTlsHello } from "../../wire/tls-hello.ts";
import type { ListenAddress } from "../config.ts";
import { encodeGrpcFrame, GrpcFrameDecoder } from "../control/grpc-frame.ts";
import { H2Session } from "../http/h2-session.ts";
import type { Observe } from "./observe-here.ts";

export interface TapServerOptions {
  readonly listen: ListenAddress;
  /** The one identity that may look. */
  readonly clientName: string;
  readonly credentials: Pick<Credentials, "localName" | "serverName" | "current">;
  readonly observe: Observe;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface TapServer {
  readonly port: number;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

type Observation = ReturnType<Observe>;

/** How long a client may take to show whether it speaks TLS, ms. */
const SNIFF_MS = 1000;
const HANDSHAKE_MS = 10_000;
/** Events that wait for a slow reader; more are lost, as upstream has it. */
const EVENTS_MAX = 400;
/** Observations at once: each costs work for every request. */
const OBSERVATIONS_MAX = 64;
/** A match is a tree that somebody wrote by hand. */
const REQUEST_BYTES_MAX = 256 * 1024;

const OBSERVE_PATH = `/${Tap.typeName}/${Tap.method.observe.name}`;
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const UNAUTHENTICATED = 16;

/**
 * Tap in Linkerd's protocol (`io.linkerd.proxy.tap.Tap/Observe`), for the one client that the configuration names.
 *
 *     accepted -> ClientHello with our name --> mesh TLS --> HTTP/2, each call: identity? -> match? -> events until the limit
 *                    `-- none, or 1 s of silence ----------> HTTP/2, each call refused with the reason
 *
 * @throws MeshError `LISTEN_FAILED`
 * @see reference: proxy section 16
 */
export async function startTapServer(options: TapServerOptions): Promise<TapServer> {
  const open = new Set<Socket>();
  const observations = new Set<Observation>();
  let calls = 0;

  const serveCall = (stream: H2Stream, head: RequestHead, refusal: string): void => {
    if (head.target !== OBSERVE_PATH) refuse(stream, UNIMPLEMENTED, `no method ${head.target}`);
    else if (refusal !== "") refuse(stream, UNAUTHENTICATED, refusal);
    else if (observations.size >= OBSERVATIONS_MAX) {
      refuse(stream, RESOURCE_EXHAUSTED, `${OBSERVATIONS_MAX} taps are listening already`);
    } else stream.listener = new ObserveCall(stream, options.observe, calls++, observations);
  };

  const serve = (socket: Duplex, refusal: string): void => {
    const session: H2Session = new H2Session({
      role: "server",
      socket,
      // The books of this port are its own: it is no traffic of the application.
      transport: new LiveTransport("inbound", "src"),
      clock: options.clock,
      listener: {
        requested: (stream, head) => serveCall(stream, head, refusal),
        settled() {},
        goingAway() {},
        streamClosed() {},
      },
      onClosed() {},
    });
    session.start();
  };

  const accept = async (socket: Socket): Promise<void> => {
    const { clock, credentials, clientName } = options;
    const name = await sniffServerName(socket, clock);
    if (name === undefined) {
      serve(socket, "no_tls_from_remote");
      return;
    }
    const contexts = name === ownName(credentials) ? credentials.current() : undefined;
    if (!contexts) throw new Error(`no certificate for ${name || "a client that names nobody"}`);
    const secured = await secureServer({
      socket,
      context: contexts.server,
      alpn: undefined,
      timeoutMs: HANDSHAKE_MS,
      clock,
    });
    serve(secured.socket, secured.identity === clientName ? "" : "Unauthorized client");
  };

  const listener = await listen(options.listen, "tap", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    accept(socket).catch((error: unknown) => {
      options.log.debug("tap connection refused", {
        client: socket.remoteAddress,
        error: error instanceof Error ? error.message : String(error),
      });
      socket.destroy();
    });
  });
  listener.start();
  return {
    port: listener.port,
    async close() {
      const stopped = listener.stop();
      for (const observation of observations) observation.stop();
      observations.clear();
      for (const socket of open) socket.destroy();
      await stopped;
    },
  };
}

/** A call of `Observe`, from its request message to its trailers. */
class ObserveCall implements H2StreamListener {
  readonly #stream: H2Stream;
  readonly #observe: Observe;
  readonly #base: number;
  readonly #observations: Set<Observation>;
  readonly #decoder = new GrpcFrameDecoder(REQUEST_BYTES_MAX);
  #observation: Observation | undefined;
  #waiting: Buffer[] = [];
  #isBlocked = false;
  #isDone = false;

  constructor(stream: H2Stream, observe: Observe, base: number, observations: Set<Observation>) {
    this.#stream = stream;
    this.#observe = observe;
    this.#base = base;
    this.#observations = observations;
  }

  responseHead(): void {}

  bodyData(view: Buffer): boolean {
    if (this.#observation || this.#isDone) return true;
    try {
      const message = this.#decoder.push(view)[0];
      if (message) this.#begin(message);
    } catch (error) {
      this.#isDone = true;
      refuse(this.#stream, INVALID_ARGUMENT, toMeshError(error).message);
    }
    return true;
  }

  bodyEnd(): void {
    if (this.#observation || this.#isDone) return;
    this.#isDone = true;
    refuse(this.#stream, INVALID_ARGUMENT, "the call has no request");
  }

  wasReset(): void {
    this.#stop();
  }

  drained(): void {
    this.#isBlocked = false;
    while (!this.#isBlocked && this.#waiting.length > 0) this.#send(this.#waiting.shift()!);
    if (this.#isDone && this.#waiting.length === 0) this.#end();
  }

  #begin(message: Uint8Array): void {
    this.#observation = this.#observe({
      request: fromBinary(ObserveRequestSchema, message),
      base: this.#base,
      write: (event) => {
        if (this.#waiting.length >= EVENTS_MAX) return false;
        const encoded =
          event instanceof Uint8Array ? event : toBinary(TapEventSchema, create(TapEventSchema, event));
        const frame = encodeGrpcFrame(encoded);
        if (this.#isBlocked) this.#waiting.push(frame);
        else this.#send(frame);
        return true;
      },
      onDone: () => {
        this.#isDone = true;
        this.#stop();
        if (this.#waiting.length === 0) this.#end();
      },
    });
    this.#observations.add(this.#observation);
    this.#stream.sendResponse(grpcHead(), false);
  }

  #send(frame: Buffer): void {
    this.#isBlocked = !this.#stream.sendData(frame);
  }

  #stop(): void {
    if (!this.#observation) return;
    this.#observation.stop();
    this.#observations.delete(this.#observation);
  }

  #end(): void {
    this.#stream.sendEnd(statusFields(0, ""), true);
  }
}

function refuse(stream: H2Stream, status: number, message: string): void {
  const head = grpcHead();
  for (const [name, value] of statusFields(status, message).entries()) head.fields.append(name, value);
  stream.sendResponse(head, true);
}

function grpcHead(): ResponseHead {
  const head = new ResponseHead();
  head.status = 200;
  head.fields.append("content-type", "application/grpc");
  return head;
}

function statusFields(status: number, message: string): Fields {
  const fields = new Fields();
  fields.append("grpc-status", String(status));
  if (message !== "") fields.append("grpc-message", encodeURI(message));
  return fields;
}

/** The server name of a ClientHello, "" when it has none; undefined: the client does not speak TLS, or says nothing. */
async function sniffServerName(socket: Socket, clock: Clock): Promise<string | undefined> {
  const first = await lookAtFirstBytes(socket, {
    silenceMs: SNIFF_MS,
    clock,
    look(bytes): Found<string | undefined> | undefined {
      const hello = sniffTlsHello(bytes);
      if (hello.kind === "incomplete") return undefined;
      return { value: hello.kind === "hello" ? (hello.serverName ?? "") : undefined, usedBytes: 0 };
    },
  });
  return first.kind === "found" ? first.value : undefined;
}
