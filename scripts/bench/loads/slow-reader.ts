/**
 * `slow-reader.ts HOST PORT PATH PAUSE_MS RATE`: reads nothing for a while after the first bytes, prints `paused`, then reads at RATE
 * bytes a second to the end and prints how many bytes there were.
 */
import { connect } from "node:net";

const [host, port, path, pauseMs, rate] = process.argv.slice(2);
const socket = connect({ host: host!, port: Number(port) });
let bytes = 0;
let startMs = 0;
let isFirst = true;
socket.write(`GET ${path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n`);
socket.on("data", (chunk) => {
  bytes += chunk.length;
  if (isFirst) {
    isFirst = false;
    socket.pause();
    setTimeout(() => {
      process.stdout.write("paused\n");
      startMs = performance.now();
      socket.resume();
    }, Number(pauseMs));
    return;
  }
  const aheadMs = (bytes / Number(rate)) * 1000 - (performance.now() - startMs);
  if (aheadMs < 5) return;
  socket.pause();
  setTimeout(() => socket.resume(), aheadMs);
});
socket.on("end", () => process.stdout.write(`${bytes}\n`));
