/**
 * `npm run bench:cli`: what commands cost, as whole processes of the bundle, and the parts of `top` in this one.
 *
 *   --runs N      runs of each short command (default 9)
 *   --kubeconfig F  of a healthy cluster (`meshctl demo`): `check` is measured there
 *   --write       puts the table into docs/performance.md, between its markers
 *
 * CPU time holds on a busy machine, too; bytes a second are of CPU time, not of the clock. Linux only.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readPod } from "../src/collect/pod-facts.ts";
import type { Exchange } from "../src/observe/exchange.ts";
import { TopTable } from "../src/observe/top-rows.ts";
import { indexPods } from "../src/observe/workload.ts";
import { renderTable } from "../src/views/table.ts";
import { topCells, topEnds } from "../src/views/top-cells.ts";
import { startManyProxies } from "./bench-cli/many-proxies.ts";
import { type ChildCost, median, runChild } from "./bench-cli/run-child.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const program = [process.execPath, join(root, "dist", "meshctl.js")];
const emojivoto = join(root, "test", "golden", "inject", "emojivoto", "emojivoto.yml");
const STREAM_BYTES = 10_000_000;
const PROXIES = 300;
const RECORDS_HZ = 5_000;

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "9" },
    kubeconfig: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const runs = Number(flags.runs);

interface Row {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly holds: boolean;
}

const dir = mkdtempSync(join(tmpdir(), "meshctl-bench-cli-"));
try {
  const rows = [
    await short("version --client", ["version", "--client"], 60),
    await short("--help", ["--help"], 60),
    await short("inject of emojivoto (8 workloads)", ["inject", emojivoto], 120),
    await injectStream(),
    await statOfMany(),
    ...(flags.kubeconfig === undefined ? [] : [await healthyCheck(flags.kubeconfig)]),
    topOfMany(),
  ];
  const table = render(rows);
  process.stdout.write(table);
  if (flags.write) writeTable(table);
  process.exitCode = rows.every(({ holds }) => holds) ? 0 : 1;
} finally {
  rmSync(dir, { recursive: true });
}

/** Mean CPU of several runs: one run is shorter than the kernel's clock tells apart. */
async function short(what: string, args: readonly string[], goalMs: number): Promise<Row> {
  await runChild([...program, ...args]);
  const costs: ChildCost[] = [];
  for (let run = 0; run < runs; run++) costs.push(await runChild([...program, ...args]));
  const cpuMs = costs.reduce((sum, cost) => sum + cost.cpuMs, 0) / runs;
  const peakMb = median(costs.map((cost) => cost.peakMb));
  const failed = costs.some(({ exitCode }) => exitCode !== 0);
  return {
    what: `\`${what}\``,
    goal: `${goalMs} ms CPU`,
    measured: failed ? "failed" : `${cpuMs.toFixed(0)} ms, ${peakMb.toFixed(0)} MB`,
    holds: !failed && cpuMs <= goalMs,
  };
}

/** Real manifests over and over, through standard input. What the start costs is taken off. */
async function injectStream(): Promise<Row> {
  const one = readFileSync(emojivoto, "utf8").trimEnd().concat("\n---\n");
  const file = join(dir, "stream.yaml");
  writeFileSync(file, one.repeat(Math.ceil(STREAM_BYTES / one.length)));
  const empty = join(dir, "empty.yaml");
  writeFileSync(empty, one);
  const base = median(await several(3, ["inject", "-"], empty));
  const costs: ChildCost[] = [];
  for (let run = 0; run < 3; run++) costs.push(await runChild([...program, "inject", "-"], { stdin: file }));
  const cpuMs = median(costs.map((cost) => cost.cpuMs)) - base;
  const peakMb = Math.max(...costs.map((cost) => cost.peakMb));
  const mbPerSecond = STREAM_BYTES / 1e6 / (cpuMs / 1000);
  return {
    what: "`inject` of a stream of 10 MB",
    goal: "20 MB/s, below 250 MB",
    measured: `${mbPerSecond.toFixed(0)} MB/s, ${peakMb.toFixed(0)} MB`,
    holds: mbPerSecond >= 20 && peakMb < 250 && costs.every(({ exitCode }) => exitCode === 0),
  };
}

async function several(times: number, args: readonly string[], stdin: string): Promise<number[]> {
  const costs: number[] = [];
  for (let run = 0; run < times; run++) costs.push((await runChild([...program, ...args], { stdin })).cpuMs);
  return costs;
}

async function statOfMany(): Promise<Row> {
  const cluster = await startManyProxies(PROXIES, 5);
  try {
    const kubeconfig = join(dir, "kubeconfig");
    const context = { cluster: "c", user: "u", namespace: "demo" };
    const config = {
      "current-context": "c",
      clusters: [{ name: "c", cluster: { server: cluster.url } }],
      users: [{ name: "u", user: { token: "t" } }],
      contexts: [{ name: "c", context }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
    const env = { KUBECONFIG: kubeconfig };
    const { cpuMs, peakMb, exitCode } = await runChild([...program, "stat", "deploy"], { env });
    const lists = cluster.requests.filter((path) => !path.includes("/proxy/"));
    const asked = cluster.requests.length - lists.length;
    return {
      what: `\`stat deploy\`, ${PROXIES} proxies`,
      goal: "2 s CPU, one list a kind, at most 32 at once",
      measured: `${(cpuMs / 1000).toFixed(2)} s, ${lists.length} list, ${cluster.mostAtOnce} at once, ${peakMb.toFixed(0)} MB`,
      holds:
        exitCode === 0 &&
        cpuMs <= 2000 &&
        lists.length === 1 &&
        asked === PROXIES &&
        cluster.mostAtOnce <= 32,
    };
  } finally {
    cluster.close();
  }
}

async function healthyCheck(kubeconfig: string): Promise<Row> {
  const costs: ChildCost[] = [];
  const args = ["check", "--wait", "0s", "--kubeconfig", kubeconfig];
  for (let run = 0; run < 3; run++) costs.push(await runChild([...program, ...args]));
  const cpuMs = median(costs.map((cost) => cost.cpuMs));
  const isHealthy = costs.every(({ exitCode }) => exitCode === 0);
  return {
    what: "`check` of a healthy local cluster",
    goal: "1 s CPU",
    measured: isHealthy ? `${(cpuMs / 1000).toFixed(2)} s` : "failed",
    holds: isHealthy && cpuMs <= 1000,
  };
}

/** What `top` does with a line of a proxy, and with its screen five times a second; without the connection and the terminal. */
function topOfMany(): Row {
  const pod = readPod(
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web-1", namespace: "demo" },
      status: { podIP: "10.0.0.1" },
    },
    new Map(),
  );
  const index = indexPods([pod]);
  const table = new TopTable({ hideSources: false, routes: false });
  const seconds = 20;
  const before = process.cpuUsage();
  for (let second = 0; second < seconds; second++) {
    for (let record = 0; record < RECORDS_HZ; record++) {
      const line = JSON.parse(recordLine(record));
      const { source, destination } = topEnds(line.exchange, pod, index);
      table.add(line, source, destination);
    }
    for (let frame = 0; frame < 5; frame++) {
      const { columns, cells } = topCells(table.rows("count", "grouped").slice(0, 50), {
        hideSources: false,
        routes: false,
      });
      renderTable(columns, cells, 2);
    }
  }
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1e6 / seconds;
  return {
    what: `\`top\` at ${RECORDS_HZ} records a second (parsing, summing, table)`,
    goal: "30 % of a core",
    measured: `${(share * 100).toFixed(0)} %`,
    holds: share <= 0.3,
  };
}

/** As `GET /tap` sends it when a request has ended. */
function recordLine(id: number): string {
  const exchange: Exchange = {
    id,
    protocol: "http/2",
    direction: "inbound",
    openedAtMs: 1_767_312_000_000,
    client: `10.1.0.${id % 200}:4000`,
    server: "10.0.0.1:8080",
    peerIdentity: "web.demo.serviceaccount.identity.meshctl.cluster.local",
    tls: "true",
    labels: {},
    target: "8080",
    method: "GET",
    authority: "orders.demo:80",
    path: `/users/${id}/orders`,
    parent: "/default/all-unauthenticated",
    route: "/default/default",
    authorization: "/default/all-unauthenticated",
    verdict: "allowed",
    status: 200,
    grpcStatus: -1,
    error: "",
    attempts: 1,
    endpointReason: "",
    queueUs: 1,
    dialUs: -1,
    tlsUs: -1,
    responseUs: 1200 + (id % 100),
    closedUs: 1300 + (id % 100),
    requestBytes: 0,
    responseBytes: 512,
  };
  return JSON.stringify({ event: "closed", exchange });
}

function render(rows: readonly Row[]): string {
  const node = `Node ${process.versions.node}, ${cpus()[0]?.model ?? "unknown CPU"}`;
  return [
    `Whole processes of the bundle; ${node}; \`npm run bench:cli\`.`,
    "",
    "| command | goal | measured | |",
    "|---|---|---|---|",
    ...rows.map(
      ({ what, goal, measured, holds }) => `| ${what} | ${goal} | ${measured} | ${holds ? "" : "missed"} |`,
    ),
    "",
  ].join("\n");
}

function writeTable(table: string): void {
  const path = join(root, "docs", "performance.md");
  const text = readFileSync(path, "utf8");
  const [start, end] = ["<!-- bench:cli -->", "<!-- /bench:cli -->"];
  const before = text.split(start)[0]!;
  const after = text.split(end)[1] ?? "";
  writeFileSync(path, `${before}${start}\n\n${table}\n${end}${after}`);
}
