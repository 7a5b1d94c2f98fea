import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { BIG_BYTES } from "./backend.ts";
import type { Children } from "./children.ts";
import type { Contestant } from "./contestants.ts";
import { BACKEND_PORTS, type Network } from "./places.ts";
import { cpuMicros, privateBytes } from "./usage.ts";

/** What one run of a work found. */
export interface Measured {
  /** The figure that the row is about. */
  readonly value: number;
  /** The two sides' parts of it, outbound first, where it has parts. */
  readonly sides?: readonly [number, number];
  /** Beside it: latency, rates. */
  readonly notes: readonly string[];
}

export interface Work {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  /** Whether more is better. */
  readonly isMoreBetter?: boolean;
  /** What the ratio to the peer is to be, or what the value is to be; undefined: reported only. */
  readonly goal?: { readonly ratio?: number; readonly value?: number };
  /** Runs at most: works that take long, or whose figure hardly varies. */
  readonly runsMax?: number;
  run(contestant: Contestant, bench: Bench): Promise<Measured>;
}

export interface Bench {
  readonly network: Network;
  readonly children: Children;
  /** Of one run under load. */
  readonly seconds: number;
  /** The body of a gRPC call. */
  readonly grpcRequestFile: string;
  /** Connections in the idle works. */
  readonly idleConnections: number;
}

const MB = 1024 * 1024;
/** After load, until memory is looked at: what nobody needs any more is given back every ten seconds (src/net/return-memory.ts). */
const MEMORY_PAUSE_MS = 12_000;

/** The rows of the table, in its order. */
export const WORKS: readonly Work[] = [
  http1("http1-50", 50, 1.0),
  http1("http1-1", 1, 1.0),
  http1("http1-200", 200, 1.0),
  {
    key: "http2",
    title: "HTTP/2, 8 connections of 16 streams",
    unit: "us CPU a request",
    goal: { ratio: 1.2 },
    run: (contestant, bench) => h2load(contestant, bench, BACKEND_PORTS.http2, ["-c8", "-m16"]),
  },
  {
    key: "grpc",
    title: "gRPC unary, 100 streams",
    unit: "us CPU a call",
    run: (contestant, bench) =>
      h2load(contestant, bench, BACKEND_PORTS.grpc, [
        "-c1",
        "-m100",
        `--data=${bench.grpcRequestFile}`,
        "--header=content-type: application/grpc",
        "--header=te: trailers",
      ]),
  },
  {
    key: "opaque",
    title: "opaque TCP, one stream",
    unit: "MB a CPU second",
    isMoreBetter: true,
    goal: { ratio: 0.9 },
    async run(contestant, bench) {
      const cost = meter(contestant);
      const args = [contestant.entryHost, String(BACKEND_PORTS.sink), String(bench.seconds)];
      const bytes = Number(await load(bench, "stream", args));
      const [outbound, inbound] = cost();
      if (!(bytes > 0)) throw new Error("no bytes arrived");
      return {
        value: bytes / (outbound + inbound),
        sides: [bytes / outbound, bytes / inbound],
        notes: [`${(bytes / 1e6 / bench.seconds).toFixed(0)} MB/s`],
      };
    },
  },
  {
    key: "connects",
    title: "new mTLS connections",
    unit: "a CPU second",
    isMoreBetter: true,
    async run(contestant, bench) {
      const cost = meter(contestant);
      const args = [contestant.entryHost, String(BACKEND_PORTS.greeter), String(bench.seconds), "8"];
      const count = Number(await load(bench, "connects", args));
      const [outbound, inbound] = cost();
      return {
        value: count / ((outbound + inbound) / 1e6),
        sides: [count / (outbound / 1e6), count / (inbound / 1e6)],
        notes: [`${(count / bench.seconds).toFixed(0)} a second`],
      };
    },
  },
  {
    key: "memory",
    title: "private memory 12 s after 50 connections of load, the larger side",
    unit: "MB",
    goal: { value: 35 },
    runsMax: 3,
    async run(contestant, bench) {
      await wrk(contestant, bench, 50);
      await sleep(MEMORY_PAUSE_MS);
      const sides = [privateBytes(contestant.outbound) / MB, privateBytes(contestant.inbound) / MB] as const;
      return { value: Math.max(...sides), sides, notes: [] };
    },
  },
  {
    key: "slow-reader",
    title: "1 GB response to a slow reader, growth of the larger side",
    unit: "MB",
    goal: { value: 4 },
    runsMax: 2,
    run: slowReader,
  },
  {
    key: "idle",
    title: "idle plaintext connections, outbound side",
    unit: "kB each",
    goal: { value: 10 },
    runsMax: 1,
    run: (contestant, bench) => idle(contestant, bench, BACKEND_PORTS.http1, "http", bench.idleConnections),
  },
  {
    key: "idle-mtls",
    title: "idle opaque connections with mTLS, both sides",
    unit: "kB each",
    runsMax: 1,
    run: (contestant, bench) =>
      idle(contestant, bench, BACKEND_PORTS.greeter, "opaque", Math.ceil(bench.idleConnections / 5)),
  },
];

function http1(key: string, connections: number, ratio: number): Work {
  return {
    key,
    title: `HTTP/1, ${connections} connection${connections === 1 ? "" : "s"}`,
    unit: "us CPU a request",
    goal: { ratio },
    run: (contestant, bench) => wrk(contestant, bench, connections),
  };
}

async function wrk(contestant: Contestant, bench: Bench, connections: number): Promise<Measured> {
  const url = `http://${contestant.entryHost}:${BACKEND_PORTS.http1}/`;
  const args = ["-t1", `-c${connections}`, `-d${bench.seconds}`, "--latency", url];
  const cost = meter(contestant);
  const text = await bench.children.run("wrk", bench.network.clientCommand(["wrk", ...args]));
  const [outbound, inbound] = cost();
  const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
  if (!(requests > 0)) throw new Error(`wrk made no requests: ${text}`);
  const broken = /Non-2xx.*|Socket errors.*/.exec(text)?.[0];
  if (broken) throw new Error(`${contestant.name}: ${broken}`);
  const percentile = (name: string) => new RegExp(`^\\s*${name}%\\s+(\\S+)`, "m").exec(text)?.[1] ?? "?";
  return {
    value: (outbound + inbound) / requests,
    sides: [outbound / requests, inbound / requests],
    notes: [
      `${Math.round(requests / bench.seconds)} rps`,
      `p50 ${percentile("50")}`,
      `p99 ${percentile("99")}`,
    ],
  };
}

async function h2load(
  contestant: Contestant,
  bench: Bench,
  port: number,
  more: readonly string[],
): Promise<Measured> {
  const url = `http://${contestant.entryHost}:${port}/`;
  const args = ["-t1", `-D${bench.seconds}`, ...more, url];
  const cost = meter(contestant);
  const text = await bench.children.run("h2load", bench.network.clientCommand(["h2load", ...args]));
  const [outbound, inbound] = cost();
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(text);
  const requests = Number(counts?.[1]);
  if (!(requests > 0) || counts![2] !== "0" || counts![3] !== "0") {
    throw new Error(`${contestant.name}: h2load: ${counts?.[0] ?? text}`);
  }
  const times = /time for request:\s+(\S+)\s+(\S+)\s+(\S+)/.exec(text);
  return {
    value: (outbound + inbound) / requests,
    sides: [outbound / requests, inbound / requests],
    notes: [`${Math.round(requests / bench.seconds)} rps`, `mean ${times?.[3]}`, `max ${times?.[2]}`],
  };
}

/** Memory of connections that do nothing. The first few warm what all share. */
async function idle(
  contestant: Contestant,
  bench: Bench,
  port: number,
  kind: "http" | "opaque",
  count: number,
): Promise<Measured> {
  const hold = async (connections: number) => {
    const args = [contestant.entryHost, String(port), String(connections), kind];
    const child = bench.children.start("idle", loadCommand(bench, "idle", args));
    await bench.children.line("idle", child);
    return child;
  };
  const leave = async (child: Awaited<ReturnType<typeof hold>>) => {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.stdin!.end();
    await gone;
    await sleep(500);
  };
  await leave(await hold(100));
  const before = [privateBytes(contestant.outbound), privateBytes(contestant.inbound)] as const;
  const child = await hold(count);
  await sleep(3000);
  const each = [
    (privateBytes(contestant.outbound) - before[0]) / 1000 / count,
    (privateBytes(contestant.inbound) - before[1]) / 1000 / count,
  ] as const;
  await leave(child);
  const value = kind === "http" ? each[0] : each[0] + each[1];
  return { value, sides: each, notes: [`${count} connections`] };
}

/** Growth of the larger side while a client takes its time, over what the same response costs a fast one. */
async function slowReader(contestant: Contestant, bench: Bench): Promise<Measured> {
  const rate = BIG_BYTES / (3 * bench.seconds);
  const args = (pauseMs: number, bytesPerSecond: number) => [
    contestant.entryHost,
    String(BACKEND_PORTS.http1),
    "/big",
    String(pauseMs),
    String(Math.round(bytesPerSecond)),
  ];
  const sizes = () => [privateBytes(contestant.outbound), privateBytes(contestant.inbound)] as const;
  await wrk(contestant, bench, 50);
  const before = sizes();
  const peak: [number, number] = [0, 0];
  const look = setInterval(() => {
    sizes().forEach((bytes, side) => {
      peak[side] = Math.max(peak[side]!, bytes - before[side]!);
    });
  }, 100);
  const text = await load(bench, "slow-reader", args(2000, rate)).finally(() => clearInterval(look));
  const bytes = Number(text.trim().split("\n").at(-1));
  if (!(bytes > BIG_BYTES)) throw new Error(`${contestant.name}: the response ended after ${bytes} bytes`);
  const sides = [peak[0] / MB, peak[1] / MB] as const;
  return { value: Math.max(...sides), sides, notes: [`${(rate / 1e6).toFixed(0)} MB/s`] };
}

/** CPU microseconds of both sides since now. */
function meter({ outbound, inbound }: Contestant): () => readonly [number, number] {
  const before = [cpuMicros(outbound), cpuMicros(inbound)] as const;
  return () => [cpuMicros(outbound) - before[0], cpuMicros(inbound) - before[1]];
}

function load(bench: Bench, name: string, args: readonly string[]): Promise<string> {
  return bench.children.run(name, loadCommand(bench, name, args));
}

function loadCommand(bench: Bench, name: string, args: readonly string[]): string[] {
  const script = fileURLToPath(new URL(`loads/${name}.ts`, import.meta.url));
  return bench.network.clientCommand([process.execPath, script, ...args]);
}
