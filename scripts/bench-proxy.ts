/**
 * `npm run bench:proxy`: what a pair of proxies costs, beside a pair of HAProxies that carry the same traffic in the same minutes.
 *
 *   --runs N         runs of each work, interleaved: A B A B ... (default 5)
 *   --seconds N      of load in a run (default 5)
 *   --only WORK      only works whose name contains it; may be repeated
 *   --list           names of the works
 *   --program FILE   another build of meshctl beside this one; "NAME=FILE --flag" names it and gives its Node a flag; may be repeated
 *   --node-flag=FLAG for the proxies' Node; with --cpu-prof, say where to by --cpu-prof-dir; may be repeated
 *   --no-own         without this build
 *   --no-peer        without HAProxy
 *   --idle N         connections in the idle works (default 10000)
 *   --explicit       loopback and explicit capture, as without root
 *
 * As root: two network namespaces, under a lock of the machine, gone afterwards. Without: loopback. docs/performance.md explains the rows.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startBackend } from "./bench/backend.ts";
import { Children } from "./bench/children.ts";
import type { Contestant } from "./bench/contestants.ts";
import { startHaproxy } from "./bench/haproxy.ts";
import { createLoopback } from "./bench/loopback.ts";
import { acquireLock } from "./bench/machine-lock.ts";
import {
  BUILT_ENTRY,
  type MeshctlEntry,
  servedPlace,
  startControlPlane,
  startMeshctl,
} from "./bench/meshctl.ts";
import { createNamespaces, PLACES_MAX } from "./bench/namespaces.ts";
import type { Network } from "./bench/places.ts";
import { detailsOf, rowOf, tableOf } from "./bench/report.ts";
import { type Bench, type Measured, WORKS, type Work } from "./bench/works.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "5" },
    only: { type: "string", multiple: true, default: [] },
    list: { type: "boolean", default: false },
    program: { type: "string", multiple: true, default: [] },
    "node-flag": { type: "string", multiple: true, default: [] },
    "no-own": { type: "boolean", default: false },
    "no-peer": { type: "boolean", default: false },
    idle: { type: "string", default: "10000" },
    explicit: { type: "boolean", default: false },
  },
});

/** Programs that the bench runs, and the Debian packages that bring them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  haproxy: "haproxy",
  wrk: "wrk",
  h2load: "nghttp2-client",
  nginx: "nginx-light",
};
const PROGRAMS_OF_ROOT: Readonly<Record<string, string>> = {
  ip: "iproute2",
  iptables: "iptables",
  prlimit: "util-linux",
  setpriv: "util-linux",
  taskset: "util-linux",
};

process.exitCode = await main();

async function main(): Promise<number> {
  if (options.list) {
    for (const { key, title } of WORKS) print(`${key.padEnd(12)} ${title}`);
    return 0;
  }
  const works = WORKS.filter(
    ({ key }) => options.only.length === 0 || options.only.some((part) => key.includes(part)),
  );
  const isRoot = process.getuid?.() === 0 && !options.explicit;
  const missing = missingPackages({ ...PROGRAMS, ...(isRoot ? PROGRAMS_OF_ROOT : {}) });
  if (missing.length > 0) {
    print(`missing programs; on Debian: apt-get install ${missing.join(" ")}`);
    return 1;
  }
  const release = await acquireLock("meshctl-bench", () =>
    print("another bench runs here: waiting for its end"),
  );
  const dir = mkdtempSync(join(tmpdir(), "meshctl-bench-"));
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, "logs"));
  const children = new Children(join(dir, "logs"));
  const network = isRoot ? createNamespaces() : createLoopback(`127.${100 + (process.pid % 100)}.7`);
  let isFailed = false;
  const cleanUp = (): void => {
    children.kill();
    network.close();
    release();
    if (!isFailed) rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  const onSignal = (): void => {
    cleanUp();
    process.exit(130);
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    await measure(works, network, children, dir);
    return 0;
  } catch (error) {
    isFailed = true;
    print(`failed: ${error instanceof Error ? error.message : String(error)}; logs: ${join(dir, "logs")}`);
    return 1;
  } finally {
    await children.stop();
    cleanUp();
  }
}

async function measure(
  works: readonly Work[],
  network: Network,
  children: Children,
  dir: string,
): Promise<void> {
  const entries = meshctlEntries();
  const contestants = await startAll(network, children, dir, entries);
  const bench: Bench = {
    network,
    children,
    seconds: Number(options.seconds),
    grpcRequestFile: join(dir, "grpc-request.bin"),
    // Without root, limits of open files are what they are.
    idleConnections:
      network.kind === "loopback" ? Math.min(Number(options.idle), 1000) : Number(options.idle),
  };
  // Flag and length of gRPC's framing, then a message with one string of eight characters.
  writeFileSync(bench.grpcRequestFile, Buffer.from("000000000a0a083132333435363738", "hex"));
  print(describeMachine(network));
  const rows: string[][] = [];
  for (const work of works) {
    const runs = new Map<string, Measured[]>(contestants.map(({ name }) => [name, []]));
    const count = Math.min(Number(options.runs), work.runsMax ?? Number.POSITIVE_INFINITY);
    // Once for nothing: just-in-time compilers, pools, caches.
    const isFirst = rows.length === 0;
    if (isFirst) for (const contestant of contestants) await work.run(contestant, { ...bench, seconds: 3 });
    for (let run = 0; run < count; run++) {
      for (const contestant of contestants) {
        runs.get(contestant.name)!.push(await work.run(contestant, bench));
      }
    }
    print(`\n${work.title} (${work.unit})`);
    for (const line of detailsOf(runs)) print(`  ${line}`);
    rows.push(rowOf(work, runs, contestants));
  }
  print(`\n${tableOf(rows, contestants)}`);
}

async function startAll(
  network: Network,
  children: Children,
  dir: string,
  entries: readonly MeshctlEntry[],
): Promise<Contestant[]> {
  const total = entries.length + (options["no-peer"] ? 0 : 1);
  if (total > PLACES_MAX) throw new Error(`at most ${PLACES_MAX} pairs at once`);
  await startBackend(network, children, dir, total);
  const served = entries.map((_, index) => servedPlace(network, index));
  const control = await startControlPlane(network, children, join(dir, "control"), served);
  const contestants: Contestant[] = [];
  for (const [index, entry] of entries.entries()) {
    contestants.push(await startMeshctl(network, children, served[index]!, control, entry));
  }
  if (!options["no-peer"]) contestants.push(await startHaproxy(network, children, dir, entries.length));
  return contestants;
}

function meshctlEntries(): MeshctlEntry[] {
  const nodeFlags = options["node-flag"];
  const others = options.program.map((text, index) => {
    const [, name = `other-${index + 1}`, line = ""] = /^(?:([\w-]+)=)?(.*)$/.exec(text)!;
    const [file = "", ...own] = line.split(" ");
    return { name, program: resolve(file), nodeFlags: [...nodeFlags, ...own] };
  });
  return options["no-own"] ? others : [{ name: "meshctl", program: BUILT_ENTRY, nodeFlags }, ...others];
}

function describeMachine(network: Network): string {
  const haproxy = options["no-peer"]
    ? "none"
    : /version (\S+)/.exec(spawnSync("haproxy", ["-v"], { encoding: "utf8" }).stdout)?.[1];
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const date = new Date().toISOString().slice(0, 10);
  return `${date}: meshctl ${version}, Node ${process.version}, HAProxy ${haproxy}; ${cpus().length} x ${cpus()[0]?.model.trim()}
${network.description}; ${options.runs} runs of ${options.seconds} s`;
}

function missingPackages(programs: Readonly<Record<string, string>>): string[] {
  const missing = Object.entries(programs).filter(
    ([program]) => spawnSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" }).status !== 0,
  );
  return [...new Set(missing.map(([, name]) => name))].filter(
    (name) => !options["no-peer"] || name !== "haproxy",
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
