import { createServer as createHttpServer } from "node:http";
import { createServer, type Socket } from "node:net";
import type { MeshPair } from "./mesh-pair.ts";

/** Answers HTTP with "ok", and repeats once what is no HTTP. */
export interface EchoApp {
  /** Connections so far that were no HTTP. */
  readonly opaqueCount: () => number;
  stop(): void;
}

export async function startEchoApp(pair: MeshPair): Promise<EchoApp> {
  const http = createHttpServer((_request, response) => response.end("ok"));
  const sockets = new Set<Socket>();
  let opaqueCount = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.once("data", (chunk) => {
      if (/^[A-Z]+ \//.test(chunk.toString("latin1"))) {
        socket.unshift(chunk);
        http.emit("connection", socket);
      } else {
        opaqueCount++;
        socket.end(chunk);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(pair.appPort, pair.server.appHost, resolve));
  return {
    opaqueCount: () => opaqueCount,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
