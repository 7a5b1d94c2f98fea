import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { renderToString } from "ink";
import { createElement, type ReactElement } from "react";
import type { Console } from "../../../src/cli/console.ts";
import { readPod } from "../../../src/collect/pod-facts.ts";
import { viewExchange } from "../../../src/observe/exchange-view.ts";
import type { StatRow } from "../../../src/observe/stat-row.ts";
import type { TopRow } from "../../../src/observe/top-rows.ts";
import { indexPods } from "../../../src/observe/workload.ts";
import type { MeshView } from "../../../src/views/mesh-view.ts";
import { statTables } from "../../../src/views/stat-table.ts";
import { renderTable } from "../../../src/views/table.ts";
import { formatUs, renderTopTable, topEnds } from "../../../src/views/top-cells.ts";
import { TOP_START } from "../../../src/views/top-keys.ts";
import { showTopScreen, TopFrame } from "../../../src/views/top-screen.ts";
import { showWatchScreen, WatchFrame } from "../../../src/views/watch-screen.ts";
import { FakeClock } from "../../support/clock.ts";
import { buildPod } from "../collect/fake-kube.ts";
import { buildExchange } from "../observe/build-exchange.ts";

/** One frame without colours: a test runner on a terminal may force them. */
function frameText(element: ReactElement, columns: number): string {
  return stripVTControlCharacters(renderToString(element, { columns }));
}

const KEYS = { hideSources: false, routes: false };

function topRow(parts: Partial<TopRow> = {}): TopRow {
  return {
    source: "web-1",
    destination: "books-1",
    method: "GET",
    path: "/list",
    route: "",
    count: 4,
    bestUs: 900,
    worstUs: 1_600_000,
    lastUs: 2400,
    successes: 3,
    key: parts.path ?? "/list",
    statuses: new Map([
      [200, 3],
      [503, 1],
    ]),
    recent: [],
    ...parts,
  };
}

const STAT_ROW: StatRow = {
  kind: "deployment",
  namespace: "demo",
  name: "web",
  meshed: { count: 1, total: 1 },
  status: undefined,
  http: { successRate: 0.9, rps: 2, p50Ms: 1.2, p95Ms: 5, p99Ms: undefined, deniedRps: 0 },
  tcp: undefined,
};

test("table pads cells to their column and leaves no trailing spaces", () => {
  const columns = [
    { header: "NAME", align: "left" },
    { header: "N", align: "right" },
    { header: "", align: "left" },
  ] as const;
  assert.equal(
    renderTable(columns, [
      ["a√", "10"],
      ["longer", "9", "x"],
    ]),
    "NAME      N\na√       10\nlonger    9   x\n",
  );
});

test("top as text has upstream's columns", () => {
  assert.equal(
    renderTopTable([topRow(), topRow({ path: "/a", count: 1, successes: 1 })], KEYS),
    `Source  Destination  Method  Path   Count   Best  Worst  Last  Success Rate
web-1   books-1      GET     /list      4  900µs     2s   2ms        75.00%
web-1   books-1      GET     /a         1  900µs     2s   2ms       100.00%
`,
  );
  assert.equal(
    renderTopTable([topRow({ source: "", method: "", path: "", route: "[DEFAULT]" })], {
      hideSources: true,
      routes: true,
    }),
    `Destination  Route      Count   Best  Worst  Last  Success Rate
books-1      [DEFAULT]      4  900µs     2s   2ms        75.00%
`,
  );
});

test("top rounds times to the unit that fits", () => {
  assert.deepEqual([0, 999, 1000, 1499, 999_499, 1_000_000, 61_000_000].map(formatUs), [
    "0µs",
    "999µs",
    "1ms",
    "1ms",
    "999ms",
    "1s",
    "61s",
  ]);
});

test("top names pods where they are known, else addresses, IPv6 whole", () => {
  const books = readPod(buildPod({ name: "books-1", ip: "10.0.0.2" }), new Map());
  const web = readPod(buildPod({ name: "web-1", ip: "10.0.0.1" }), new Map());
  const index = indexPods([books, web]);
  const exchange = viewExchange(buildExchange());
  assert.deepEqual(topEnds(exchange, books, index), { source: "web-1", destination: "books-1" });
  assert.deepEqual(topEnds({ ...exchange, client: "[fd00::9]:4000" }, books, index), {
    source: "fd00::9",
    destination: "books-1",
  });
  const failed = { ...exchange, direction: "outbound", server: "", target: "books.demo:80" } as const;
  assert.deepEqual(topEnds(failed, web, index), { source: "web-1", destination: "books.demo:80" });
});

const FRAME = {
  keys: KEYS,
  state: TOP_START,
  notice: undefined,
  footer: "2 proxies asked",
  height: 24,
  width: 120,
} as const;

test("top screen shows hints, header, rows and who was asked", () => {
  const text = frameText(createElement(TopFrame, { ...FRAME, rows: [topRow()] }), 120);
  assert.equal(
    text,
    `(press q to quit, p to pause, s to sort: count, / to filter, g for raw paths)
(press a/Left and d/Right to scroll, Up and Down to choose, Enter for details)

Source  Destination  Method  Path   Count   Best  Worst  Last  Success Rate
web-1   books-1      GET     /list      4  900µs     2s   2ms        75.00%
1 row; 2 proxies asked`,
  );
});

test("top screen scrolls, cuts to the window, and says how many rows it does not show", () => {
  const rows = Array.from({ length: 50 }, (_, index) => topRow({ path: `/${index}` }));
  const state = { ...TOP_START, scroll: 5, paused: true };
  const props = { ...FRAME, rows, state, height: 9, width: 40, notice: "demo/x: lost" };
  const lines = frameText(createElement(TopFrame, props), 40).split("\n");
  assert.equal(lines[3], "e  Destination  Method  Path  Count   Be");
  assert.equal(lines.length, 4 + 3 + 2, "three rows fit");
  assert.deepEqual(lines.slice(-2), ["demo/x: lost", "rows 1 to 3 of 50; 2 proxies asked"]);
});

test("top screen keeps the chosen row in sight, and shows its details", () => {
  const exchange = viewExchange(buildExchange({ path: "/7", status: 503 }));
  const recent = [{ ...exchange, openedAtMs: 0, responseUs: 1500, closedUs: 2500 }];
  const rows = Array.from({ length: 50 }, (_, index) => topRow({ path: `/${index}`, recent }));
  const state = { ...TOP_START, chosen: 20, detail: true };
  const text = frameText(createElement(TopFrame, { ...FRAME, rows, state, height: 20 }), 120);
  assert.match(text, /^web-1 +books-1 +GET +\/20 /m);
  assert.match(text, /^web-1 -> books-1 GET \/20$/m);
  assert.match(text, /^4 requests; 200: 3, 503: 1$/m);
  assert.match(text, /^00:00:00\.000 +\/7 +503 +2ms +3ms +true +web\.demo +default/m);
  assert.ok(text.split("\n").length <= 20, text);
});

test("top screen shows only rows with the filter's text", () => {
  const rows = [topRow({ path: "/a" }), topRow({ path: "/b" })];
  const frame = (filter: string) =>
    frameText(createElement(TopFrame, { ...FRAME, rows, state: { ...TOP_START, filter } }), 120);
  assert.doesNotMatch(frame("/b"), /\/a /);
  assert.match(frame("/b"), /\/b .*\n1 row/);
  assert.match(frame("/c"), /no row has this text/);
});

const VIEW: MeshView = {
  tables: statTables([{ kind: { name: "deployment", short: "deploy" }, rows: [STAT_ROW] }], {
    allNamespaces: false,
    wide: false,
  }),
  data: [],
  empty: "No traffic found.\nnamespace nope does not exist\n",
  notices: [],
  footer: "2 of 2 proxies answered, over the last 1m0s",
};

function watchFrame(props: object): string {
  const element = createElement(WatchFrame, {
    view: VIEW,
    failure: undefined,
    paused: false,
    width: 120,
    height: 24,
    ...props,
  });
  return frameText(element, 120);
}

test("watch screen shows the table, a notice, who answered, and its keys", () => {
  assert.equal(
    watchFrame({ view: { ...VIEW, notices: ["1 of 2 proxies answered"] } }),
    `NAME   MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN
web       1/1    90.00%   2.0rps           1ms           5ms             -          -

1 of 2 proxies answered
2 of 2 proxies answered, over the last 1m0s
(press q to quit, p to pause)`,
  );
});

test("watch screen narrows the gaps, then leaves columns out and says which", () => {
  assert.match(watchFrame({ width: 80 }), /^NAME {2}MESHED {2}SUCCESS .* TCP_CONN$/m);
  const narrow = watchFrame({ width: 45 });
  assert.match(narrow, /^NAME +MESHED +SUCCESS +RPS +LATENCY_P95$/m);
  assert.match(narrow, /no room for: TCP_CONN, LATENCY_P99, LATENCY_P50$/m);
});

test("watch screen says how many rows have no room", () => {
  const rows = Array.from({ length: 40 }, (_, index) => ({ ...STAT_ROW, name: `web-${index}` }));
  const tables = statTables([{ kind: { name: "deployment", short: "deploy" }, rows }], {
    allNamespaces: false,
    wide: false,
  });
  const text = watchFrame({ view: { ...VIEW, tables }, height: 20 });
  assert.ok(text.split("\n").length <= 20, text);
  const shown = text.match(/^web-/gm)!.length;
  assert.match(text, new RegExp(`no room for: ${40 - shown} more rows`));
});

test("watch screen says what it waits for, and why there is nothing", () => {
  assert.match(watchFrame({ view: undefined }), /^asking the proxies \.\.\./);
  assert.match(
    watchFrame({ view: { ...VIEW, tables: [] } }),
    /^No traffic found\.\nnamespace nope does not exist\n/,
  );
});

/** A terminal whose keys a test presses and whose screen it reads. */
function createTerminal() {
  let text = "";
  const watchers = new Set<() => void>();
  const stdout = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      text += stripVTControlCharacters(String(chunk));
      for (const watcher of watchers) watcher();
      done();
    },
  });
  Object.assign(stdout, { isTTY: true, columns: 100, rows: 24 });
  const stdin = new PassThrough();
  Object.assign(stdin, { isTTY: true, setRawMode: () => stdin, ref: () => stdin, unref: () => stdin });
  const output = { write: () => {}, isTty: true, columns: 100, hasColors: false, stream: stdout as never };
  const console: Console = {
    stdout: output,
    stderr: output,
    stdin: { isTty: true, readAll: async () => Buffer.alloc(0), stream: stdin as never },
  };
  return {
    console,
    press: (keys: string) => void stdin.write(keys),
    /** Resolves when the screen has shown something. */
    shows: (pattern: RegExp): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!pattern.test(text)) return;
          watchers.delete(check);
          text = "";
          resolve();
        };
        watchers.add(check);
        check();
      }),
  };
}

test("top screen obeys its keys: pause, sort, scroll, quit", async () => {
  const terminal = createTerminal();
  const done = showTopScreen({
    console: terminal.console,
    signal: new AbortController().signal,
    keys: KEYS,
    rows: () => [topRow()],
    notice: () => undefined,
    footer: "",
    ended: new Promise(() => {}),
  });
  await terminal.shows(/books-1/);
  terminal.press("p");
  await terminal.shows(/p to go on/);
  terminal.press("s");
  await terminal.shows(/sort: worst/);
  terminal.press("d");
  await terminal.shows(/^e {2}Destination/m);
  terminal.press("/");
  await terminal.shows(/filter: _/);
  terminal.press("quit");
  await terminal.shows(/filter: quit_[\s\S]*no row has this text/);
  terminal.press("\u001b");
  await terminal.shows(/\/ to filter, /);
  terminal.press("q");
  await done;
});

test("top screen's chosen row stays chosen when others overtake it, and quick keys all count", async () => {
  const terminal = createTerminal();
  const paths = ["/a", "/b", "/c"];
  const done = showTopScreen({
    console: terminal.console,
    signal: new AbortController().signal,
    keys: KEYS,
    rows: () => paths.map((path) => topRow({ path })),
    notice: () => undefined,
    footer: "",
    ended: new Promise(() => {}),
  });
  await terminal.shows(/\/c/);
  for (const key of ["\u001b[B", "\u001b[B", "\r"]) terminal.press(key);
  await terminal.shows(/web-1 -> books-1 GET \/b/);
  paths.reverse();
  paths.push("/d");
  await terminal.shows(/\/c .*\n.*\/b .*\n.*\/a [\s\S]*web-1 -> books-1 GET \/b/);
  terminal.press("q");
  await done;
});

test("top screen says when every stream has ended, and leaves with the signal", async () => {
  const terminal = createTerminal();
  const stop = new AbortController();
  const done = showTopScreen({
    console: terminal.console,
    signal: stop.signal,
    keys: KEYS,
    rows: () => [],
    notice: () => undefined,
    footer: "",
    ended: Promise.resolve(),
  });
  await terminal.shows(/every stream has ended/);
  stop.abort();
  await done;
});

test("watch screen shows tables with their notices, and what went wrong when there is no answer", async () => {
  for (const [refresh, shown] of [
    [async () => ({ ...VIEW, notices: ["one is silent"] }), /90\.00%[\s\S]*one is silent/],
    [
      () => Promise.reject(new Error("the API server is gone")),
      /asking the proxies[\s\S]*the API server is gone/,
    ],
  ] as const) {
    const terminal = createTerminal();
    const done = showWatchScreen({
      console: terminal.console,
      signal: new AbortController().signal,
      clock: new FakeClock(),
      refresh,
    });
    await terminal.shows(shown);
    terminal.press("p");
    await terminal.shows(/p to go on/);
    terminal.press("q");
    await done;
  }
});
