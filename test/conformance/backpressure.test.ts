/** Readers that do not read: the sender stops, the proxies hold next to nothing, and all arrives once they read on. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from "node:http2";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { until } from "../support/until.ts";
import { measure } from "./support/leaks.ts";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";

const MB = 1024 * 1024;
const TOTAL = 128 * MB;
/** Of one proxy, heap and buffers together, while a transfer stands still. */
const GROWTH_MAX = 4 * MB;
const PIECE = Buffer.alloc(64 * 1024, "p");

/** Writes TOTAL bytes as fast as they are taken. */
function pour(into: Writable): { readonly written: () => number } {
  let written = 0;
  const go = () => {
    while (written < TOTAL && !into.destroyed) {
      written += PIECE.length;
      if (!into.write(PIECE)) return;
    }
    into.off("drain", go);
    into.end();
  };
  into.on("drain", go);
  into.on("error", () => {});
  go();
  return { written: () => written };
}

/** Reads to the end. */
async function drain(from: Readable): Promise<number> {
  let count = 0;
  for await (const chunk of from) count += (chunk as Buffer).length;
  return count;
}

/** A transfer under way: what pours, and what does not read yet. */
interface Transfer {
  readonly source: () => { readonly written: () => number } | undefined;
  readonly sink: () => Readable | undefined;
}

interface Protocol {
  readonly name: string;
  /** Hands each request, or connection, to the test. */
  app(onRequest: (request: Readable, response: Writable, wantsBody: boolean) => void): Server;
  /** Asks, with a body or for one. */
  ask(pair: MeshPair, hasBody: boolean): { readonly request: Writable; readonly response: Promise<Readable> };
}

const PROTOCOLS: readonly Protocol[] = [
  {
    name: "HTTP/1",
    app: (onRequest) =>
      createHttpServer((request, response) => {
        if (request.method === "GET") response.setHeader("content-length", TOTAL);
        onRequest(request, response, request.method === "POST");
      }),
    ask: (pair, hasBody) => {
      const socket = connect(pair.entrance);
      const framing = hasBody ? `Content-Length: ${TOTAL}\r\n` : "";
      socket.write(
        `${hasBody ? "POST" : "GET"} / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n${framing}\r\n`,
      );
      return { request: socket, response: Promise.resolve(socket) };
    },
  },
  {
    name: "HTTP/2",
    app: (onRequest) =>
      createHttp2Server().on("stream", (stream: ServerHttp2Stream, headers) => {
        stream.respond();
        onRequest(stream, stream, headers[":method"] === "POST");
      }) as unknown as Server,
    ask: (pair, hasBody) => {
      const session = connectHttp2(`http://${pair.entrance.host}:${pair.entrance.port}`);
      session.on("error", () => {});
      const stream = session.request(
        { ":method": hasBody ? "POST" : "GET", ":path": "/" },
        { endStream: !hasBody },
      );
      stream.once("close", () => session.close());
      return { request: stream, response: Promise.resolve(stream) };
    },
  },
  {
    name: "opaque TCP",
    app: (onRequest) =>
      createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        socket.on("error", () => {});
        socket.once("data", (first: Buffer) => {
          socket.pause();
          if (first[0] === PIECE[0]) socket.unshift(first);
          onRequest(socket, socket, first[0] === PIECE[0]);
        });
        socket.resume();
      }),
    ask: (pair, hasBody) => {
      const socket = connect({ ...pair.entrance, allowHalfOpen: true });
      if (!hasBody) socket.write("give\n");
      return { request: socket, response: Promise.resolve(socket) };
    },
  },
];

for (const { name, app, ask } of PROTOCOLS) {
  describe(`a reader of ${name} that does not read`, { skip: PAIR_MISSING }, () => {
    let pair: MeshPair;
    let server: Server;
    const sockets = new Set<Socket>();
    let onRequest: (request: Readable, response: Writable, wantsBody: boolean) => void = () => {};

    before(async () => {
      pair = await startMeshPair();
      server = app((request, response, wantsBody) => onRequest(request, response, wantsBody));
      server.on("connection", (socket: Socket) => sockets.add(socket));
      await new Promise<void>((resolve) => server.listen(pair.appPort, pair.server.appHost, resolve));
    });
    after(async () => {
      await pair?.stop();
      for (const socket of sockets) socket.destroy();
      server.close();
    });

    for (const direction of ["down", "up"] as const) {
      test(`stops its sender and costs neither proxy ${GROWTH_MAX / MB} MB (${direction})`, async (t) => {
        // Once through, so that code and buffers that stay are there.
        const transfer = (): Transfer => {
          let source: ReturnType<typeof pour> | undefined;
          let sink: Readable | undefined;
          onRequest = (request, response) => {
            if (direction === "down") source = pour(response);
            else sink = request;
          };
          const { request, response } = ask(pair, direction === "up");
          t.after(() => request.destroy());
          if (direction === "up") source = pour(request);
          else
            void response.then((from) => {
              from.pause();
              sink = from;
            });
          return { source: () => source, sink: () => sink };
        };
        const warm = transfer();
        await drain(await until("the request", () => warm.sink()));

        const baseline = await measure(pair);
        const { source, sink } = transfer();
        let still = 0;
        let last = -1;
        await until("the sender to stand still", () => {
          const written = source()?.written() ?? -1;
          still = written === last && written > 0 ? still + 1 : 0;
          last = written;
          return still >= 20;
        });
        assert.ok(last < TOTAL / 2, `${last} bytes were taken from the sender`);
        for (const [proxy, before] of baseline) {
          const now = await proxy.held();
          const growth = now.heapBytes + now.bufferBytes - before.heapBytes - before.bufferBytes;
          t.diagnostic(`${(growth / MB).toFixed(1)} MB more, of ${(last / MB).toFixed(1)} MB sent`);
          assert.ok(growth < GROWTH_MAX, `${growth} bytes more`);
        }
        const count = await drain(sink()!);
        // A raw client of HTTP/1 counts its head too.
        assert.ok(count >= TOTAL && count < TOTAL + 1000, `${count} bytes arrived`);
      });
    }
  });
}
