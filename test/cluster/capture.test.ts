/** What somebody who listens on the node's network can read. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "../support/run-process.ts";
import { claim, createNamespace } from "./support/claims.ts";
import { apply, execIn, nodeIsHere, pods, rolledOut } from "./support/cluster.ts";
import { deployment, goServer, IDLE } from "./support/objects.ts";
import { reached } from "./support/reached.ts";

claim("a capture on the node finds an unmeshed pair's body, and not a meshed pair's", async (t) => {
  if (!(await nodeIsHere())) return t.skip("the node is another machine: nothing can be captured from here");
  const dir = await mkdtemp(join(tmpdir(), "cluster-capture-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const meshed = await createNamespace("sealed", { meshed: true });
  const plain = await createNamespace("open", { meshed: false });
  for (const namespace of [meshed, plain]) {
    await apply([
      ...goServer({ namespace, name: "web" }),
      ...deployment({ namespace, name: "client", command: IDLE }),
    ]);
  }
  await rolledOut(meshed, "deploy/web", "deploy/client");
  await rolledOut(plain, "deploy/web", "deploy/client");
  await reached(plain, "deploy/client", "web:8080");
  const addresses = [...(await pods(meshed)), ...(await pods(plain))].map(
    (pod) => `host ${pod.status.podIP}`,
  );
  const file = join(dir, "capture.pcap");
  const filter = `tcp and (${addresses.join(" or ")})`;
  // On every interface: a bridge hands frames between its ports past itself. Each packet is in the file at once.
  const capture = startProcess("tcpdump", [
    "-i",
    "any",
    "-s",
    "0",
    "-U",
    "--immediate-mode",
    "-n",
    "-w",
    file,
    filter,
  ]);
  const marks = { sealed: randomBytes(12).toString("hex"), open: randomBytes(12).toString("hex") };
  try {
    await capture.waitFor(/listening on/);
    const send = (namespace: string, mark: string) =>
      execIn(namespace, "deploy/client", ["curl", "-sSf", "--data", `mark=${mark}`, "http://web:8080/echo"]);
    assert.equal((await send(meshed, marks.sealed)).stdout, `mark=${marks.sealed}`);
    assert.equal((await send(plain, marks.open)).stdout, `mark=${marks.open}`);
    // The end of a curl is later than its packets; those of the last one are written before this ends.
    await execIn(plain, "deploy/client", ["curl", "-sSf", "http://web:8080/"]);
  } finally {
    capture.child.kill("SIGINT");
    await capture.done;
  }
  const bytes = await readFile(file);
  const sealed = (await pods(meshed, "app=web"))[0]!.status.podIP!;
  t.diagnostic(`${bytes.length} bytes were captured`);
  assert.ok(
    bytes.includes(Buffer.from(sealed.split(".").map(Number))),
    "packets of the meshed pair were captured",
  );
  assert.ok(bytes.includes(marks.open), "the body of the unmeshed pair is there to read: the capture works");
  assert.ok(!bytes.includes(marks.sealed), "the body of the meshed pair crossed the network in plaintext");
});
