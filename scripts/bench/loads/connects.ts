/** `connects.ts HOST PORT SECONDS CONCURRENCY`: connections of one byte each way, one after the other. Prints how many there were. */
import { connect } from "node:net";

const [host, port, seconds, concurrency] = process.argv.slice(2);
const endsAt = performance.now() + Number(seconds) * 1000;
let done = 0;
let running = 0;

function next(): void {
  if (performance.now() >= endsAt) {
    if (running === 0) process.stdout.write(`${done}\n`);
    return;
  }
  running++;
  const socket = connect({ host: host!, port: Number(port), noDelay: true });
  socket.on("connect", () => socket.write("x"));
  socket.once("data", () => {
    done++;
    socket.destroy();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    running--;
    next();
  });
}
for (let index = 0; index < Number(concurrency); index++) next();
