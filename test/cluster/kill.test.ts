/** A pod's processes are gone from one moment to the next. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { claim, createNamespace } from "./support/claims.ts";
import { apply, kubectl, nodeIsHere, pods, rolledOut } from "./support/cluster.ts";
import { answeredSince, describeFailures, loadClient, readLoad } from "./support/load.ts";
import { goServer } from "./support/objects.ts";
import { closedAtMs, type ExchangeRecord, sentBy } from "./support/records.ts";

claim("a pod killed with SIGKILL under load costs no request but those that were on it", async (t) => {
  if (!(await nodeIsHere()))
    return t.skip("the node is another machine: its processes cannot be killed from here");
  const namespace = await createNamespace("kill", { meshed: true });
  await apply([...goServer({ namespace, name: "web", replicas: 3, args: ["--delay=40ms", "--log"] })]);
  await rolledOut(namespace, "deploy/web");
  await apply(loadClient(namespace, "http://web:8080/", "--workers=12", "--number"));
  await rolledOut(namespace, "deploy/load");
  const before = await answeredSince(namespace, await readLoad(namespace), 300);
  assert.equal(before.failures.length, 0, describeFailures(before));

  const [victim] = await pods(namespace, "app=web");
  const { name, uid } = victim!.metadata;
  const killed = await killProcesses(uid);
  assert.ok(killed.length >= 2, `application and proxy: ${killed.length} processes were killed`);
  const report = await answeredSince(namespace, before, 600);

  // Who had which request, and since when, is in the record of the proxy that sent them.
  const sent = await sentBy(namespace, "deploy/load");
  const failed = report.failures.map(({ id }) => sent.get(`/${id}`));
  const story = () => `${describeFailures(report)}\n${failed.map((each) => JSON.stringify(each)).join("\n")}`;
  const { podIP } = victim!.status;
  for (const each of failed) {
    assert.equal(each?.server.replace(/:\d+$/, ""), podIP, `it was on ${name} at ${podIP}: ${story()}`);
  }
  // All that was on the pod failed at one moment, when its connection broke. What was sent later has no excuse.
  const brokeAt = Math.min(...failed.map((each) => closedAtMs(each!)));
  const inFlight = [...sent.values()].filter(
    (each) => each.server.startsWith(`${podIP}:`) && wasOpenAt(each, brokeAt),
  );
  const begun = await begunAndNotEnded(namespace, name);
  t.diagnostic(
    `${report.failures.length} of ${report.sent} requests failed; ${inFlight.length} were on ${name} when its connection broke, ${begun} of them had reached its application`,
  );
  for (const each of failed) assert.ok(inFlight.includes(each!), `broke at ${brokeAt}: ${story()}`);
  const others = (await pods(namespace, "app=web"))
    .map((pod) => pod.metadata.name)
    .filter((pod) => pod !== name);
  for (const pod of others) assert.ok(report.pods[pod]! > before.pods[pod]!, JSON.stringify(report.pods));
});

/** Openings are whole milliseconds, rounded down: a request may seem to have closed by one before it did. */
function wasOpenAt(record: ExchangeRecord, atMs: number): boolean {
  return record.openedAtMs <= atMs + 1 && closedAtMs(record) >= atMs;
}

/** How many requests the application wrote about when they began, and never again. */
async function begunAndNotEnded(namespace: string, pod: string): Promise<number> {
  // The containers start again, so that their ends are in the log of the instance before.
  const args = ["logs", pod, "-c", "app", "-n", namespace];
  const { stdout } = await kubectl([...args, "--previous"]).catch(() => kubectl(args));
  const open = new Set<string>();
  for (const line of stdout.split("\n")) {
    const [word, id] = line.split(" ");
    if (word === "start") open.add(id!);
    else if (word === "end") open.delete(id!);
  }
  return open.size;
}

/** Every process of the pod at once, by the name of its control group. */
async function killProcesses(uid: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const groups = await readFile(`/proc/${entry}/cgroup`, "utf8");
      if (groups.includes(uid) || groups.includes(uid.replaceAll("-", "_"))) {
        const command = await readFile(`/proc/${entry}/cmdline`, "utf8");
        // The pause process holds the network namespace: without it the kubelet makes another pod of it.
        if (!command.includes("pause")) pids.push(Number(entry));
      }
    } catch {
      // It ended while we looked.
    }
  }
  for (const pid of pids) process.kill(pid, "SIGKILL");
  return pids;
}
