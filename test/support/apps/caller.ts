/**
 * An application for tests in a local cluster: it answers, and calls others when it is told to. `node caller.ts`, in a pod.
 *
 * | request | does |
 * |---|---|
 * | `POST /call` `{ service, path }` | one GET to a Service by its service variables, always on the same connection |
 * | `POST /say` `{ service, text }` | one line over a TCP connection that stays; it is opened when there is none |
 * | `GET /line` | whether that connection is open |
 * | anything else | 200 with method and path |
 *
 * On port 6000 it repeats every byte that comes.
 */
import { Agent, createServer, get, type IncomingMessage } from "node:http";
import { connect, createServer as createTcpServer, type Socket } from "node:net";

const { LISTEN_HOST: host = "::" } = process.env;
// One connection that is kept: what a policy changes must take effect on it.
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const connections = new WeakMap<Socket, number>();
let connectionCount = 0;

function addressOf(service: string): { host: string; port: number } {
  const name = service.toUpperCase().replaceAll("-", "_");
  return { host: process.env[`${name}_SERVICE_HOST`]!, port: Number(process.env[`${name}_SERVICE_PORT`]) };
}

function call({ service, path }: { service: string; path: string }): Promise<unknown> {
  return new Promise((resolve) => {
    const outgoing = get({ ...addressOf(service), path, agent, headers: { host: service } }, (response) => {
      response.resume();
      response.once("end", () => {
        const error = response.headers["l5d-proxy-error"];
        resolve({ status: response.statusCode, error, location: response.headers.location, connection });
      });
    });
    let connection = 0;
    outgoing.once("socket", (socket) => {
      if (!connections.has(socket)) connections.set(socket, ++connectionCount);
      connection = connections.get(socket)!;
    });
    outgoing.once("error", (error) => resolve({ status: 0, error: error.message, connection }));
  });
}

let line: Socket | undefined;

function say({ service, text }: { service: string; text: string }): Promise<unknown> {
  if (!line || line.destroyed) {
    line = connect(addressOf(service));
    line.on("error", () => {});
  }
  const socket = line;
  return new Promise((resolve) => {
    const answer = (heard: string): void => {
      socket.removeAllListeners("data").removeAllListeners("close");
      resolve({ heard, isOpen: !socket.destroyed });
    };
    socket.once("data", (chunk) => answer(chunk.toString()));
    socket.once("close", () => answer(""));
    socket.once("end", () => socket.destroy());
    socket.write(text);
  });
}

async function readJson(request: IncomingMessage): Promise<never> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return JSON.parse(text) as never;
}

const server = createServer(async (request, response) => {
  const reply = (value: unknown): void => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(value));
  };
  if (request.url === "/call") reply(await call(await readJson(request)));
  else if (request.url === "/say") reply(await say(await readJson(request)));
  else if (request.url === "/line") reply({ isOpen: line !== undefined && !line.destroyed });
  else reply({ method: request.method, path: request.url });
});
server.listen(8080, host);
createTcpServer((socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
}).listen(6000, host);
process.once("SIGTERM", () => process.exit(0));
