/** `stream.ts HOST PORT SECONDS`: one connection, bytes as fast as they go. Prints how many arrived. */
import { connect } from "node:net";

const [host, port, seconds] = process.argv.slice(2);
const block = Buffer.alloc(65_536, "a");
const socket = connect({ host: host!, port: Number(port), noDelay: true, allowHalfOpen: true });
let isOver = false;
let answer = "";
const pump = () => {
  while (!isOver && socket.write(block));
};
socket.on("drain", pump);
socket.on("data", (chunk) => {
  answer += chunk;
});
socket.on("end", () => process.stdout.write(`${answer}\n`));
socket.on("connect", () => {
  pump();
  setTimeout(() => {
    isOver = true;
    socket.end();
  }, Number(seconds) * 1000);
});
