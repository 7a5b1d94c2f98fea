/**
 * `idle.ts HOST PORT COUNT http|opaque`: connections that have carried one exchange (or one byte) and then do nothing. Prints how many
 * stand; holds them until its input ends.
 */
import { connect, type Socket } from "node:net";

const [host, port, count, kind] = process.argv.slice(2);
const AT_ONCE = 50;
const first = kind === "http" ? `GET / HTTP/1.1\r\nHost: web\r\n\r\n` : "x";
const held: Socket[] = [];
let started = 0;

function open(): void {
  if (started === Number(count)) return;
  started++;
  const socket = connect({ host: host!, port: Number(port), noDelay: true });
  socket.on("connect", () => socket.write(first));
  socket.once("data", () => {
    held.push(socket);
    if (held.length === Number(count)) process.stdout.write(`${held.length}\n`);
    else open();
  });
  socket.on("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
}
for (let index = 0; index < AT_ONCE; index++) open();
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
