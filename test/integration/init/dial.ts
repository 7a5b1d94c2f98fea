/** Connects as a user to `HOST PORT [SOURCE]` triples, one at a time, and prints what each said, a line each. */
import { connect } from "node:net";
import { text } from "node:stream/consumers";

const [uid, ...targets] = process.argv.slice(2);
process.setgroups!([]);
process.setgid!(Number(uid));
process.setuid!(Number(uid));
for (const target of targets) {
  const [host = "", port, localAddress] = target.split(" ");
  const socket = connect({ host, port: Number(port), ...(localAddress ? { localAddress } : {}) });
  const answer = await text(socket).catch((error: NodeJS.ErrnoException) => String(error.code));
  process.stdout.write(`${answer}\n`);
}
