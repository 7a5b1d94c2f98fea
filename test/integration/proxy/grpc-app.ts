import {
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { connect as connectTcp } from "node:net";
import type { TestContext } from "node:test";
import { HOST, listenRaw, SERVICE } from "./harness.ts";

/** Answers one call. The body has been read. */
export type OnCall = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer) => void;

/** An HTTP/2 server for the test's length. */
export async function listenGrpc(t: TestContext, onCall: OnCall): Promise<number> {
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => onCall(stream, headers, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

/** An HTTP/2 frame's head: three bytes of length, then type, flags and stream. */
const FRAME_HEAD_BYTES = 9;
const END_STREAM = 0x1;

/**
 * The same, but each response leaves in one piece: Node's server writes trailers in a turn after the body's. A relay in front of it holds
 * the frames of a stream until the one that ends it.
 */
export async function listenGrpcWhole(t: TestContext, onCall: OnCall): Promise<number> {
  const appPort = await listenGrpc(t, onCall);
  return await listenRaw(t, (client) => {
    const app = connectTcp(appPort, HOST);
    t.after(() => app.destroy());
    app.on("error", () => client.destroy());
    client.on("data", (chunk: Buffer) => app.write(chunk));
    client.on("close", () => app.destroy());
    let input: Buffer = Buffer.alloc(0);
    let held: Buffer[] = [];
    app.on("data", (chunk: Buffer) => {
      input = Buffer.concat([input, chunk]);
      for (;;) {
        if (input.length < FRAME_HEAD_BYTES) return;
        const length = FRAME_HEAD_BYTES + input.readUIntBE(0, 3);
        if (input.length < length) return;
        const frame = input.subarray(0, length);
        input = input.subarray(length);
        const [type, flags] = [frame[3]!, frame[4]!];
        if (type > 1) {
          // Of the connection, or a reset: not part of a response.
          client.write(frame);
          continue;
        }
        held.push(frame);
        if ((flags & END_STREAM) === 0) continue;
        client.write(Buffer.concat(held));
        held = [];
      }
    });
  });
}

const GRPC = { ":status": 200, "content-type": "application/grpc" };

/** A response that is its head: the status is there. */
export function respondOnly(stream: ServerHttp2Stream, status: number, more: OutgoingHttpHeaders = {}): void {
  stream.respond({ ...GRPC, "grpc-status": String(status), ...more }, { endStream: true });
}

/** A response of head, one message and trailers, written at once. */
export function respond(
  stream: ServerHttp2Stream,
  message: string,
  status: number,
  more: OutgoingHttpHeaders = {},
): void {
  stream.respond(GRPC, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(status), ...more }));
  stream.end(message);
}

export interface Called {
  readonly status: number;
  /** Of the trailers, or of the head; -1: there was none. */
  readonly grpcStatus: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly resetCode: number;
}

/** Makes one call on a connection of its own. */
export async function call(
  t: TestContext,
  port: number,
  headers: OutgoingHttpHeaders = {},
  body = "question",
): Promise<Called> {
  const session = connect(`http://${HOST}:${port}`);
  session.on("error", () => {});
  t.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": "/pkg.Service/Call",
    ":authority": SERVICE,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.end(body);
  return await new Promise((resolve) => {
    let received: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    let text = "";
    stream.on("response", (head) => (received = head));
    stream.on("trailers", (fields) => (trailers = fields));
    stream.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    stream.on("error", () => {});
    stream.on("close", () => {
      session.destroy();
      resolve({
        status: Number(received[":status"]),
        grpcStatus: Number(trailers["grpc-status"] ?? received["grpc-status"] ?? -1),
        headers: received,
        body: text,
        resetCode: stream.rstCode ?? 0,
      });
    });
  });
}
