import { once } from "node:events";
import http2, { type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import net from "node:net";
import { TLSSocket } from "node:tls";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Credentials } from "../../src/identity/credentials.ts";
import { meshServerOptions, peerIdentity } from "../../src/identity/mesh-tls.ts";

type Method<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly input: I;
  readonly output: O;
};

/** One call that a client made; the test answers it when it likes. */
export interface FakeCall<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  readonly request: MessageShape<I>;
  readonly headers: http2.IncomingHttpHeaders;
  /** Identity of the client; "" for none, and on plaintext. */
  readonly peer: string;
  send(message: MessageInitShape<O>): void;
  /** Ends with a gRPC status; 0 is OK. */
  end(status?: number, message?: string): void;
  /** Bytes as they are, for broken frames. */
  sendRaw(bytes: Uint8Array): void;
  /** Resets the stream, as a crashing server would. */
  reset(): void;
  /** Resolves when the client has gone, or the call has ended. */
  readonly closed: Promise<void>;
}

/** A control plane that says only what a test makes it say. It speaks gRPC over HTTP/2, in mesh TLS when it has credentials. */
export interface FakeControlPlane {
  readonly port: number;
  /** Takes the next call to a method, waiting for it if need be. Calls are handed out in the order of arrival. */
  next<I extends DescMessage, O extends DescMessage>(method: Method<I, O>): Promise<FakeCall<I, O>>;
  /** Answers every call to a method, present and to come, instead of queueing it for `next`. */
  answer<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    handler: (call: FakeCall<I, O>) => void,
  ): void;
  /** How many connections are open. */
  readonly connections: number;
  /** Cuts all connections without a word. */
  dropConnections(): void;
  /** GOAWAY on all connections. */
  goAway(): void;
  close(): Promise<void>;
}

interface Queue {
  readonly calls: RawCall[];
  readonly waiting: ((call: RawCall) => void)[];
  handler: ((call: RawCall) => void) | undefined;
}

interface RawCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: http2.IncomingHttpHeaders;
  readonly peer: string;
  readonly body: Buffer;
}

/** @param options `credentials` absent: plaintext; `path`: a Unix socket in the place of host and port */
export async function startFakeControlPlane(
  options: {
    readonly credentials?: Credentials;
    readonly host?: string;
    readonly port?: number;
    readonly path?: string;
  } = {},
): Promise<FakeControlPlane> {
  const queues = new Map<string, Queue>();
  const sessions = new Set<ServerHttp2Session>();
  const peers = new WeakMap<object, string>();
  const sockets = new Set<net.Socket>();
  const queueOf = (path: string): Queue => {
    let queue = queues.get(path);
    if (!queue) queues.set(path, (queue = { calls: [], waiting: [], handler: undefined }));
    return queue;
  };

  const h2 = http2.createServer();
  h2.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
    session.on("close", () => sessions.delete(session));
  });
  h2.on("stream", (opened, headers) => {
    const stream = opened as ServerHttp2Stream;
    stream.on("error", () => {});
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const peer = peers.get(stream.session!.socket) ?? peers.get(stream.session!) ?? "";
      const call: RawCall = { stream, headers, peer, body: Buffer.concat(chunks) };
      const queue = queueOf(String(headers[":path"]));
      const waiting = queue.waiting.shift();
      if (waiting) waiting(call);
      else if (queue.handler) queue.handler(call);
      else queue.calls.push(call);
    });
  });

  const { credentials } = options;
  const listener = net.createServer((raw) => {
    sockets.add(raw);
    raw.on("close", () => sockets.delete(raw));
    raw.on("error", () => {});
    if (!credentials) {
      h2.emit("connection", raw);
      return;
    }
    const secure = new TLSSocket(raw, meshServerOptions(credentials));
    secure.on("error", () => {});
    secure.once("secure", () => {
      try {
        const peer = peerIdentity(secure);
        h2.once("session", (session) => peers.set(session, peer));
        // Node's HTTP/2 server insists on ALPN, which mesh TLS to a real port does not use, and waits for `secureConnect`,
        // which only a client emits.
        Object.assign(secure, { alpnProtocol: "h2", secureConnecting: false });
        h2.emit("connection", secure);
      } catch {
        secure.destroy();
      }
    });
  });
  if (options.path === undefined) listener.listen(options.port ?? 0, options.host ?? "127.0.0.1");
  else listener.listen(options.path);
  await once(listener, "listening");

  const typed = <I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    raw: RawCall,
  ): FakeCall<I, O> => {
    const { stream } = raw;
    const respond = () => {
      if (stream.headersSent || stream.destroyed) return;
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    };
    let trailers: Record<string, string> = {};
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    return {
      request: fromBinary(method.input, raw.body.subarray(5)),
      headers: raw.headers,
      peer: raw.peer,
      send(message) {
        respond();
        if (!stream.destroyed) stream.write(frame(toBinary(method.output, create(method.output, message))));
      },
      sendRaw(bytes) {
        respond();
        stream.write(bytes);
      },
      end(status = 0, message = "") {
        trailers = {
          "grpc-status": String(status),
          ...(message ? { "grpc-message": encodeURIComponent(message) } : {}),
        };
        respond();
        if (!stream.destroyed) stream.end();
      },
      reset: () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
      closed: new Promise((resolve) => (stream.closed ? resolve() : stream.once("close", () => resolve()))),
    };
  };
  const pathOf = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;

  return {
    port: (listener.address() as net.AddressInfo).port,
    get connections() {
      return sockets.size;
    },
    async next(method) {
      const queue = queueOf(pathOf(method));
      const raw =
        queue.calls.shift() ?? (await new Promise<RawCall>((resolve) => queue.waiting.push(resolve)));
      return typed(method, raw);
    },
    answer(method, handler) {
      const queue = queueOf(pathOf(method));
      queue.handler = (raw) => handler(typed(method, raw));
      for (const raw of queue.calls.splice(0)) queue.handler(raw);
    },
    dropConnections() {
      for (const socket of sockets) socket.destroy();
    },
    goAway() {
      for (const session of sessions) session.goaway();
    },
    async close() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}

function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
