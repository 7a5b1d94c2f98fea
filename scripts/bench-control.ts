/**
 * `npm run bench:control`: how fast the controller tells proxies of changes, and what that costs.
 *
 * An API server (a local one; with `--kubeconfig FILE` a real one, where the namespace `bench` is made and removed), the built
 * control plane, and processes of subscribers: gRPC in mesh TLS, five streams of endpoints a connection, as proxies hold them. One
 * EndpointSlice changes at a time.
 *
 *   --only A,B     works of the table below          --seconds N         of changes, each work (default 10)
 *   --scale N      a share of its subscriptions      --clients N         processes of subscribers (default 2)
 *                                                    --cpu-profile DIR   of the controller
 *
 * Times hold on a quiet machine only: what the API server itself took is printed beside them. CPU holds elsewhere, too.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { systemClock } from "../src/base/clock.ts";
import { silentLogger } from "../src/base/log.ts";
import { ApiSource } from "../src/kube/api-source.ts";
import type { KubeClient } from "../src/kube/client.ts";
import { createKubeClient } from "../src/kube/connect.ts";
import { createApiServer } from "../src/local/apiserver/server.ts";
import { BENCH_NAMESPACE, BenchCluster, servicePath } from "./bench-control/cluster.ts";
import { ControlPlane } from "./bench-control/control-plane.ts";
import { type ClientCredentials, writeCredentials } from "./bench-control/credentials.ts";
import { changeId, MARKERS_MAX, markerOf } from "./bench-control/marker.ts";
import { cpuMs, rssMb } from "./bench-control/process-usage.ts";
import { Subscribers } from "./bench-control/subscribers.ts";
import { formatTable, percentile, type Row } from "./bench-control/table.ts";

interface Work {
  readonly services: number;
  readonly pods: number;
  readonly subscriptions: number;
  readonly changesPerSecond: number;
  readonly goal: { readonly lastP99Ms: number; readonly cpuUs: number; readonly rssMb: number };
}

const WORKS: Readonly<Record<string, Work>> = {
  A: {
    services: 100,
    pods: 10,
    subscriptions: 1000,
    changesPerSecond: 100,
    goal: { lastP99Ms: 100, cpuUs: 45, rssMb: 200 },
  },
  B: {
    services: 100,
    pods: 10,
    subscriptions: 10_000,
    changesPerSecond: 50,
    goal: { lastP99Ms: 300, cpuUs: 20, rssMb: 400 },
  },
  C: {
    services: 1000,
    pods: 5,
    subscriptions: 10_000,
    changesPerSecond: 100,
    goal: { lastP99Ms: 100, cpuUs: 60, rssMb: 400 },
  },
};
/** For 10,000 subscriptions. */
const FIRST_CPU_S = 5;
const SETTLED_S = 10;

const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
const HOST = "127.0.0.1";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "A,B,C" },
    seconds: { type: "string", default: "10" },
    scale: { type: "string", default: "1" },
    clients: { type: "string", default: "2" },
    kubeconfig: { type: "string" },
    "cpu-profile": { type: "string" },
  },
});

/** What ends with the bench, the last first. */
const cleanups: (() => unknown)[] = [];

async function cleanUp(): Promise<void> {
  for (const step of cleanups.splice(0).reverse()) await step();
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function openApiServer(dir: string): Promise<string> {
  if (flags.kubeconfig !== undefined) return flags.kubeconfig;
  const api = await createApiServer({
    dir: join(dir, "api"),
    port: 0,
    clock: systemClock,
    log: silentLogger,
  });
  cleanups.push(() => api.close());
  const file = join(dir, "kubeconfig");
  writeFileSync(file, await api.kubeconfig(), { mode: 0o600 });
  return file;
}

/** When each change came back from the API server to a watch of the bench's own. */
function watchApiServer(client: KubeClient): Map<number, number> {
  const seen = new Map<number, number>();
  const over = new AbortController();
  cleanups.push(() => over.abort());
  const before = new Map<string, number>();
  void new ApiSource({ client, clock: systemClock, random: Math.random, log: silentLogger }).run(
    { group: "discovery.k8s.io", version: "v1", plural: "endpointslices", kind: "EndpointSlice" },
    (event) => {
      if (event.type !== "apply") return;
      const { name } = event.object.metadata;
      const marker = event.object.endpoints
        .map(({ addresses }: { addresses: string[] }) => markerOf(addresses[0]!))
        .find((found: number | undefined) => found !== undefined);
      const previous = before.get(name!);
      if (marker !== undefined) {
        before.set(name!, marker);
        seen.set(changeId(marker, false), nowMs());
      } else if (previous !== undefined) {
        before.delete(name!);
        seen.set(changeId(previous, true), nowMs());
      }
    },
    over.signal,
  );
  return seen;
}

/** One EndpointSlice after the other, evenly over time. @returns when each change was asked for */
async function change(cluster: BenchCluster, work: Work, seconds: number): Promise<Map<number, number>> {
  const asked = new Map<number, number>();
  const markers = new Map<number, number>();
  const count = Math.min(work.changesPerSecond * seconds, MARKERS_MAX);
  const startMs = nowMs();
  const running: Promise<void>[] = [];
  for (let number = 0, marker = 0; number < count; number++) {
    const waitMs = startMs + (number * 1000) / work.changesPerSecond - nowMs();
    if (waitMs > 0) await sleep(waitMs);
    const service = number % work.services;
    const known = markers.get(service);
    if (known === undefined) markers.set(service, marker);
    else markers.delete(service);
    asked.set(changeId(known ?? marker, known !== undefined), nowMs());
    running.push(cluster.change(service, known === undefined ? marker++ : undefined));
  }
  await Promise.all(running);
  return asked;
}

async function measure(key: string, work: Work): Promise<Row[]> {
  const subscriptions = Math.round(work.subscriptions * Number(flags.scale));
  const label = `${key}: ${work.services} services x ${work.pods} pods, ${subscriptions} subscriptions, ${work.changesPerSecond} changes/s`;
  say(label);
  const dir = mkdtempSync(join(tmpdir(), "meshctl-bench-control-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const credentials: ClientCredentials = await writeCredentials(dir, Date.now());
  const kubeconfig = await openApiServer(dir);
  const client = await createKubeClient({
    kubeconfig,
    context: undefined,
    as: undefined,
    asGroups: [],
    env: {},
  });
  cleanups.push(() => client.close());
  const cluster = new BenchCluster(client);
  cleanups.push(async () => {
    if (flags.kubeconfig === undefined) return;
    await client.request("DELETE", `/api/v1/namespaces/${BENCH_NAMESPACE}`).catch(() => undefined);
  });
  await cluster.fill(work.services, work.pods);
  say("  filled");
  const profile = flags["cpu-profile"];
  const control = new ControlPlane({
    dir,
    kubeconfig,
    nodeFlags: profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`],
  });
  cleanups.push(() => control.stop());
  await control.start(client);
  const atApiServer = watchApiServer(client);
  await sleep(1000);

  const subscribers = new Subscribers(Number(flags.clients));
  cleanups.push(() => subscribers.end());
  const paths = Array.from({ length: subscriptions }, (_, number) => servicePath(number % work.services));
  const beforeCpuMs = cpuMs(control.pid);
  const beforeMs = nowMs();
  const answeredMs = await subscribers.subscribe({
    host: HOST,
    port: control.port,
    identity: CONTROLLER,
    credentials,
    paths,
  });
  const firstSeconds = (answeredMs - beforeMs) / 1000;
  const firstCpuSeconds = (cpuMs(control.pid) - beforeCpuMs) / 1000;
  say(`  all answered after ${firstSeconds.toFixed(1)} s`);
  await sleep(1000);
  await subscribers.report();

  const changesCpuMs = cpuMs(control.pid);
  const asked = await change(cluster, work, Number(flags.seconds));
  await sleep(2000);
  const usedMs = cpuMs(control.pid) - changesCpuMs;
  const rss = rssMb(control.pid);
  const totals = await subscribers.report();

  const each: number[] = [];
  const last = new Map<number, number>();
  let messages = 0;
  for (const { seen, messages: count } of totals) {
    messages += count;
    for (let at = 0; at < seen.length; at += 2) {
      const latencyMs = seen[at + 1]! - asked.get(seen[at]!)!;
      each.push(latencyMs);
      last.set(seen[at]!, Math.max(last.get(seen[at]!) ?? 0, latencyMs));
    }
  }
  const expected = (asked.size * subscriptions) / work.services;
  const lasts = [...last.values()];
  const api = [...asked].map(([id, at]) => (atApiServer.get(id) ?? Number.NaN) - at);
  const cpuUs = (usedMs * 1000) / messages;

  say("  starting the controller again");
  const again = subscribers.answeredAgain();
  again.catch(() => {
    // Told where it is awaited.
  });
  // A process that is killed writes no profile.
  await control.stopController(profile === undefined ? "SIGKILL" : "SIGTERM");
  const restartMs = nowMs();
  await control.startController(control.port);
  const settledSeconds = ((await again) - restartMs) / 1000;
  const restartCpuSeconds = cpuMs(control.pid) / 1000;
  await cleanUp();

  const row = (what: string, measured: string, goal: string, isMet: boolean): Row => ({
    what: `${key} ${what}`,
    measured,
    goal,
    isMet,
  });
  const ms = (values: readonly number[], share: number) => `${percentile(values, share).toFixed(0)} ms`;
  return [
    row(
      "change to last subscriber, p50 / p99",
      `${ms(lasts, 0.5)} / ${ms(lasts, 0.99)}`,
      `p99 <= ${work.goal.lastP99Ms} ms`,
      percentile(lasts, 0.99) <= work.goal.lastP99Ms,
    ),
    row("change to each subscriber, p50 / p99", `${ms(each, 0.5)} / ${ms(each, 0.99)}`, "-", true),
    row("of that: the API server, p50 / p99", `${ms(api, 0.5)} / ${ms(api, 0.99)}`, "-", true),
    row("messages", `${messages} of ${expected}`, "all", messages === expected),
    row("CPU per message", `${cpuUs.toFixed(1)} us`, `<= ${work.goal.cpuUs} us`, cpuUs <= work.goal.cpuUs),
    row(
      "RSS now / peak",
      `${rss.now.toFixed(0)} / ${rss.peak.toFixed(0)} MB`,
      `<= ${work.goal.rssMb} MB`,
      rss.now <= work.goal.rssMb,
    ),
    row(
      "first answers",
      `${firstSeconds.toFixed(1)} s, ${firstCpuSeconds.toFixed(1)} s CPU`,
      `<= ${FIRST_CPU_S} s CPU`,
      firstCpuSeconds <= FIRST_CPU_S,
    ),
    row(
      "restart, all answered again",
      `${settledSeconds.toFixed(1)} s, ${restartCpuSeconds.toFixed(1)} s CPU`,
      `<= ${SETTLED_S} s`,
      settledSeconds <= SETTLED_S,
    ),
  ];
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
}
// A change that fails while others are awaited ends the bench, and nothing may outlive it.
for (const fault of ["uncaughtException", "unhandledRejection"] as const) {
  process.once(fault, (error: unknown) => {
    say(`bench: ${String(error)}`);
    void cleanUp().finally(() => process.exit(1));
  });
}
try {
  const rows: Row[] = [];
  for (const key of flags.only.split(",")) {
    const work = WORKS[key];
    if (!work) throw new Error(`--only ${key}: the works are ${Object.keys(WORKS).join(", ")}`);
    rows.push(...(await measure(key, work)));
  }
  const [cpu] = cpus();
  say(
    `\n${cpus().length} x ${cpu?.model}, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}, ${flags.kubeconfig === undefined ? "local" : "real"} API server, ${flags.clients} processes of subscribers\n`,
  );
  process.stdout.write(`${formatTable(rows)}\n`);
} catch (error) {
  say(`bench: ${(error as Error).stack}`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}
