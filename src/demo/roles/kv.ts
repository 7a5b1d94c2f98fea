import { type AddressInfo, createServer, type Socket } from "node:net";
import { aborted } from "./http-service.ts";
import { KvStore, LineSplitter } from "./kv-store.ts";
import { listenAddress, type Role } from "./role.ts";

export const KV_PORT = 6000;
/** The server speaks first, as many TCP protocols do: a proxy that waits for the client would hang both. */
export const GREETING = "KV/1 ready";

/** A key-value store over TCP: what a mesh carries without understanding it. */
export const kv: Role = async ({ env, log, signal, onListening }) => {
  const store = new KvStore();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", (error) => log.debug("connection lost", { error: error.message }));
    serveConnection(socket, store);
  });
  const { host, port } = listenAddress(env, KV_PORT);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  log.info("listening", { host, port: bound });
  onListening?.(bound);
  await aborted(signal);
  log.info("stopping");
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    // Requests are answered in the turn that they arrive in, so nothing is in flight.
    for (const socket of sockets) socket.end();
  });
};

function serveConnection(socket: Socket, store: KvStore): void {
  const lines = new LineSplitter();
  socket.write(`${GREETING}\n`);
  socket.on("data", (chunk: Buffer) => {
    let answers = "";
    try {
      for (const line of lines.push(chunk)) {
        const answer = store.answer(line);
        if (answer === undefined) {
          socket.end(answers);
          return;
        }
        answers += `${answer}\n`;
      }
    } catch (caught) {
      socket.end(`ERROR ${(caught as Error).message}\n`);
      return;
    }
    // A client that does not read its answers is not read either.
    if (answers !== "" && !socket.write(answers)) {
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
  });
}
