/**
 * Listens on ports and tells each client who answered: `app 8080`, or, with `*` after the name, where the connection was going
 * before it was redirected: `inbound 10.9.0.2:8080`. Arguments: `NAME=PORT`.
 */
import { createServer } from "node:net";
import { loadOriginalDestinationReader } from "../../../src/net/original-destination.ts";

const read = await loadOriginalDestinationReader(process.platform);
for (const argument of process.argv.slice(2)) {
  const [name = "", port = ""] = argument.split("=");
  const server = createServer((socket) => {
    socket.on("error", () => {
      // The client has its answer, or tells of its own trouble.
    });
    if (!name.endsWith("*")) return void socket.end(`${name} ${port}`);
    const target = read(socket);
    socket.end(`${name.slice(0, -1)} ${target.ip}:${target.port}`);
  });
  await new Promise<void>((resolve) => server.listen(Number(port), "::", resolve));
}
process.stdout.write("ready\n");
