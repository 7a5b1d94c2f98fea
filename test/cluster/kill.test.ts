/** A pod's processes are gone from one moment to the next. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { claim, createNamespace } from "./support/claims.ts";
import { apply, kubectl, nodeIsHere, pods, rolledOut } from "./support/cluster.ts";
import { answeredSince, describeFailures, loadClient, readLoad } from "./support/load.ts";
import { goServer } from "./support/objects.ts";

/** Requests at once. */
const WORKERS = 12;

claim("a pod killed with SIGKILL under load costs no request but those that were on it", async (t) => {
  if (!(await nodeIsHere()))
    return t.skip("the node is another machine: its processes cannot be killed from here");
  const namespace = await createNamespace("kill", { meshed: true });
  await apply([...goServer({ namespace, name: "web", replicas: 3, args: ["--delay=40ms", "--log"] })]);
  await rolledOut(namespace, "deploy/web");
  await apply(loadClient(namespace, "http://web:8080/", `--workers=${WORKERS}`));
  await rolledOut(namespace, "deploy/load");
  const before = await answeredSince(namespace, await readLoad(namespace), 300);
  assert.equal(before.failures.length, 0, describeFailures(before));

  const [victim] = await pods(namespace, "app=web");
  const name = victim!.metadata.name;
  const killed = await killProcesses(victim!.metadata.uid);
  // A killed process keeps its connections until the kernel has taken it apart: until then requests reach it and are on it.
  // The client's clock is this machine's.
  const goneAt = await goneOf(killed);
  assert.ok(killed.length >= 2, `application and proxy: ${killed.length} processes were killed`);
  // The containers start again, so that their ends are in the log of the instance before.
  const report = await answeredSince(namespace, before, 600);
  const { stdout: log } = await kubectl(["logs", name, "-c", "app", "-n", namespace, "--previous"]).catch(
    () => kubectl(["logs", name, "-c", "app", "-n", namespace]),
  );
  const open = new Set<string>();
  for (const line of log.split("\n")) {
    const [word, id] = line.split(" ");
    if (word === "start") open.add(id!);
    else if (word === "end") open.delete(id!);
  }
  t.diagnostic(
    `${report.failures.length} of ${report.sent} requests failed, ${open.size} had no answer from ${name}`,
  );
  // The application's log tells only of requests that it had begun and written about. What had been sent before it was
  // gone and failed was on the pod: every other pod answered. What was sent afterwards has no excuse.
  const late = report.failures.filter(({ started }) => started > goneAt);
  assert.equal(
    late.length,
    0,
    `gone at ${goneAt}; ${describeFailures(report)}\non the pod: ${[...open].join(" ")}`,
  );
  assert.ok(report.failures.length <= WORKERS, describeFailures(report));
  const others = (await pods(namespace, "app=web"))
    .map((pod) => pod.metadata.name)
    .filter((pod) => pod !== name);
  for (const pod of others) assert.ok(report.pods[pod]! > before.pods[pod]!, JSON.stringify(report.pods));
});

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

/** When the last of them had ended (a process that waits for its parent has). */
async function goneOf(pids: readonly number[]): Promise<number> {
  const isGone = async (pid: number) => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tX");
    return /^State:\t[XZ]/m.test(status);
  };
  while (!(await Promise.all(pids.map(isGone))).every(Boolean)) await new Promise(setImmediate);
  return Date.now();
}
