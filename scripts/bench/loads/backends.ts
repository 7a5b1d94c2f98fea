/** Backends for bytes: `sink` counts what comes and says how much it was, `greeter` answers a byte with a byte. */
import { createServer } from "node:net";
import { BACKEND_PORTS } from "../places.ts";

const hosts = process.argv.slice(2);
for (const host of hosts) {
  createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    let bytes = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    socket.on("end", () => socket.end(String(bytes)));
  }).listen(BACKEND_PORTS.sink, host);
  createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => socket.write(chunk));
  }).listen({ port: BACKEND_PORTS.greeter, host, backlog: 16_384 });
}
process.stdout.write("ready\n");
