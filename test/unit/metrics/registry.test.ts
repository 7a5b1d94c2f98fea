import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { registerProcessMetrics } from "../../../src/metrics/process-metrics.ts";
import { readProcess } from "../../../src/metrics/read-process.ts";
import { createRegistry } from "../../../src/metrics/registry.ts";
import { FakeClock } from "../../support/clock.ts";

test("registry renders counters, gauges and cumulative histograms", () => {
  const registry = createRegistry({ clock: new FakeClock() });
  registry.counter("request_total", "Requests").with({ direction: "inbound", tls: "true" }).add(2);
  registry.gauge("open", "Now open").set(3);
  const latency = registry.histogram("latency_ms", "Times", [1, 10]);
  for (const value of [0.5, 1, 5, 99]) latency.observe(value, { code: 200 });
  assert.equal(
    registry.render(),
    `# HELP request_total Requests
# TYPE request_total counter
request_total{direction="inbound",tls="true"} 2
# HELP open Now open
# TYPE open gauge
open 3
# HELP latency_ms Times
# TYPE latency_ms histogram
latency_ms_bucket{code="200",le="1"} 2
latency_ms_bucket{code="200",le="10"} 3
latency_ms_bucket{code="200",le="+Inf"} 4
latency_ms_sum{code="200"} 105.5
latency_ms_count{code="200"} 4
# EOF
`,
  );
});

test("registry folds series beyond the limit into one and counts how often", () => {
  const registry = createRegistry({ clock: new FakeClock(), seriesMax: 2 });
  const counter = registry.counter("c", "C");
  for (const host of ["a", "b", "c", "d", "a"]) counter.add(1, { host });
  const text = registry.render();
  assert.match(text, /^c\{host="a"\} 2$/m);
  assert.match(text, /^c\{host="b"\} 1$/m);
  assert.match(text, /^c\{host="other"\} 2$/m);
  assert.match(text, /^metrics_series_folded_total\{family="c"\} 2$/m);
  assert.doesNotMatch(text, /host="c"/);
});

test("registry drops idle series with labels at a scrape, and their handles start anew", () => {
  const clock = new FakeClock();
  const registry = createRegistry({ clock, retainIdleMs: 1000 });
  const counter = registry.counter("c", "C");
  const busy = counter.with({ k: "busy" });
  const idle = counter.with({ k: "idle" });
  counter.add(5);
  busy.add(1);
  idle.add(1);
  assert.match(registry.render(), /idle"\} 1/);
  clock.advance(800);
  busy.add(1);
  assert.match(registry.render(), /idle"\} 1/);
  clock.advance(800);
  const text = registry.render();
  assert.match(text, /^c 5$/m);
  assert.match(text, /busy"\} 2/);
  assert.doesNotMatch(text, /idle/);
  idle.add(1);
  assert.match(registry.render(), /idle"\} 1/);
});

test("a handle whose series was dropped counts into the one that took its place, or into other where there is no room", () => {
  const clock = new FakeClock();
  const registry = createRegistry({ clock, retainIdleMs: 1000, seriesMax: 1 });
  const counter = registry.counter("c", "C");
  const first = counter.with({ k: "first" });
  first.add(1);
  registry.render();
  clock.advance(1500);
  assert.doesNotMatch(registry.render(), /first/);
  counter.add(2, { k: "second" });
  first.add(4);
  first.add(4);
  const text = registry.render();
  assert.match(text, /^c\{k="second"\} 2$/m);
  assert.match(text, /^c\{k="other"\} 8$/m);
  assert.match(text, /^metrics_series_folded_total\{family="c"\} 1$/m);
});

test("a histogram takes what was sorted elsewhere", () => {
  const registry = createRegistry({ clock: new FakeClock() });
  const sizes = registry.histogram("sizes", "Sizes", [128, 1024]).with({ k: "a" });
  sizes.observe(100);
  sizes.observeSorted(2, 3, 6000);
  const text = registry.render();
  assert.match(text, /^sizes_bucket\{k="a",le="128"\} 1$/m);
  assert.match(text, /^sizes_bucket\{k="a",le="\+Inf"\} 4$/m);
  assert.match(text, /^sizes_sum\{k="a"\} 6100$/m);
});

test("a registry renders in turns what it renders at once, and leaves out families without series", async () => {
  const registry = createRegistry({ clock: new FakeClock() });
  registry.counter("empty_total", "None", ["k"]);
  const counter = registry.counter("c_total", "C", ["k"]);
  for (let k = 0; k < 250; k++) counter.add(1, { k });
  registry.histogram("h", "H", [1]).observe(2);
  let pauses = 0;
  const text = await registry.renderInTurns(async () => {
    pauses++;
  });
  assert.equal(text, registry.render());
  assert.equal(pauses, 5, "three for the counter, one for the histogram, one for the end");
  assert.doesNotMatch(text, /empty_total/);
  assert.match(text, /^h_bucket\{le="1"\} 0\nh_bucket\{le="\+Inf"\} 1\nh_sum 2\nh_count 1\n# EOF\n$/m);
});

test("two that ask for metrics at once get one answer, in which no series is twice", async () => {
  const registry = createRegistry({ clock: new FakeClock() });
  const gauge = registry.gauge("g", "G", ["k"]);
  registry.onScrape(() => {
    gauge.clear();
    for (let k = 0; k < 250; k++) gauge.set(1, { k });
  });
  const pause = () => new Promise((resolve) => setImmediate(resolve));
  const first = registry.renderInTurns(pause);
  await pause();
  const [one, two] = await Promise.all([first, registry.renderInTurns(pause)]);
  assert.equal(one, two);
  assert.equal(one.match(/^g\{/gm)?.length, 250);
  assert.equal((await registry.renderInTurns(pause)).match(/^g\{/gm)?.length, 250);
});

test("a gauge that is collected anew forgets what is gone", () => {
  const registry = createRegistry({ clock: new FakeClock() });
  const gauge = registry.gauge("g", "G", ["k"]);
  gauge.set(1, { k: "gone" });
  gauge.clear();
  gauge.set(2, { k: "here" });
  assert.doesNotMatch(registry.render(), /gone/);
  assert.deepEqual(
    registry.describe().map(({ name, labels }) => [name, labels]),
    [
      ["metrics_series_folded_total", ["family"]],
      ["g", ["k"]],
    ],
  );
});

test("registry asks its collectors at each scrape", () => {
  const registry = createRegistry({ clock: new FakeClock() });
  const gauge = registry.gauge("g", "G");
  let scrapes = 0;
  registry.onScrape(() => gauge.set(++scrapes));
  assert.match(registry.render(), /^g 1$/m);
  assert.match(registry.render(), /^g 2$/m);
});

test("process metrics carry upstream's names and leave out what the system does not say", () => {
  const clock = new FakeClock(1_000_000);
  const registry = createRegistry({ clock });
  registerProcessMetrics(registry, {
    clock,
    version: "1.2.3",
    read: () => ({
      cpuSeconds: 1.5,
      residentBytes: 1024,
      virtualBytes: undefined,
      openFds: 7,
      maxFds: undefined,
      threads: 3,
    }),
  });
  clock.advance(2500);
  const samples = registry
    .render()
    .split("\n")
    .filter((line) => !line.startsWith("#") && line !== "");
  assert.deepEqual(samples, [
    "process_start_time_seconds 1000",
    'proxy_build_info{date="",git_sha="",profile="release",vendor="meshctl",version="1.2.3"} 1',
    "process_clock_time_seconds 1002.5",
    "process_uptime_seconds_total 2.5",
    "process_cpu_seconds_total 1.5",
    "process_resident_memory_bytes 1024",
    "process_open_fds 7",
    "process_threads 3",
  ]);
});

test("process readings sum what the interfaces of the network carried", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "meshctl-proc-"));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, "net"));
  const titles = "Inter-|   Receive      |  Transmit\n face |bytes packets ...\n";
  writeFileSync(
    join(dir, "net/dev"),
    `${titles}    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n  eth0:2000 9 0 0 0 0 0 0 30 2 0 0 0 0 0 0\n`,
  );
  const readings = readProcess(process, dir);
  assert.deepEqual([readings.networkReceivedBytes, readings.networkSentBytes], [2100, 130]);
});

test("process readings work where there is no /proc", () => {
  const readings = readProcess(process, "/nonexistent");
  assert.ok(readings.cpuSeconds > 0 && readings.residentBytes > 0);
  assert.deepEqual([readings.virtualBytes, readings.openFds], [undefined, undefined]);
});
