/**
 * An application that does what applications do on bad days: `node unruly-app.ts HOST PORT`. Prints "listening".
 *
 * | path | does |
 * |---|---|
 * | `/ok` | 200 |
 * | `/hang` | takes the request and never answers |
 * | `/half` | half of a body, then a reset |
 * | `/random-close` | 200, and closes the connection a little later, perhaps while the next request is on its way |
 * | `/count` | how many requests it has had of each path |
 */
import { createServer } from "node:http";

const [host, port] = process.argv.slice(2);
const counts: Record<string, number> = {};

const server = createServer((request, response) => {
  const path = request.url ?? "";
  counts[path] = (counts[path] ?? 0) + 1;
  request.resume();
  switch (path) {
    case "/hang":
      return;
    case "/half":
      response.writeHead(200, { "content-length": 100_000 });
      response.write(Buffer.alloc(50_000, "h"), () => request.socket.resetAndDestroy());
      return;
    case "/random-close": {
      const { socket } = request;
      response.end("ok", () => setTimeout(() => socket.destroy(), Math.random() * 3));
      return;
    }
    case "/count":
      return void response.end(JSON.stringify(counts));
    default:
      response.end("ok");
  }
});
server.keepAliveTimeout = 0;
server.listen(Number(port), host, () => process.stdout.write("listening\n"));
