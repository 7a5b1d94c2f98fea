import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { parseSelection } from "../../../src/collect/selector.ts";
import { collectStat, type StatQuery } from "../../../src/collect/stat.ts";
import { parseStatQuery, type StatInput } from "../../../src/collect/stat-query.ts";
import { describeCoverage } from "../../../src/collect/stats.ts";
import { histogramIndex } from "../../../src/observe/histogram.ts";
import { statData, statTables } from "../../../src/views/stat-table.ts";
import { renderTable } from "../../../src/views/table.ts";
import {
  buildPod,
  buildReplicaSet,
  buildReply,
  buildService,
  createFakeKube,
  type FakeKube,
  httpRow,
  kubeError,
  tcpRow,
} from "./fake-kube.ts";

const ms = (value: number, count: number): [number, number] => [histogramIndex(value * 1000), count];
const toBooks = {
  ip: "10.0.0.3",
  identity: "",
  labels: { pod: "books-1", namespace: "demo", service: "books" },
};

/** web (two pods) calls books; a key-value store speaks TCP; legacy has no proxy; probe is in another namespace. */
function shop(): FakeKube {
  const pods = [
    buildPod({ name: "web-1", ip: "10.0.0.1" }),
    buildPod({ name: "web-2", ip: "10.0.0.2" }),
    buildPod({ name: "books-1", ip: "10.0.0.3" }),
    buildPod({ name: "kv-1", ip: "10.0.0.4" }),
    buildPod({ name: "legacy-1", ip: "10.0.0.5", meshed: false }),
  ];
  const probe = buildPod({ name: "probe-1", ip: "10.0.1.1", namespace: "watch" });
  const call = (counts: object) =>
    httpRow({ direction: "outbound", peer: toBooks, target: "books.demo.svc.cluster.local:80", ...counts });
  return createFakeKube(
    {
      "/api/v1/namespaces/demo/pods": pods,
      "/api/v1/pods": [...pods, probe],
      "/apis/apps/v1/namespaces/demo/replicasets": [buildReplicaSet("legacy")],
      "/apis/apps/v1/replicasets": [buildReplicaSet("legacy")],
      "/api/v1/services": [buildService("books"), buildService("web", "demo", "10.1.0.2")],
      "/apis/apps/v1/namespaces/demo/deployments/idle": {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: {},
      },
    },
    {
      "demo/web-1": buildReply({
        http: [
          httpRow({
            requests: 120,
            successes: 114,
            failures: 6,
            latency: [ms(2, 60), ms(30, 54), ms(400, 6)],
          }),
          call({ requests: 60, successes: 30, failures: 30, latency: [ms(8, 60)] }),
        ],
        tcp: [
          tcpRow({ open: 2, readBytes: 6000, writeBytes: 12_000 }),
          tcpRow({ direction: "outbound", peer: toBooks, open: 1 }),
        ],
      }),
      // Half as old as the window.
      "demo/web-2": buildReply({
        windowMs: 30_000,
        http: [httpRow({ requests: 30, successes: 30, latency: [ms(2, 30)] })],
      }),
      "demo/books-1": buildReply({
        http: [
          httpRow({ requests: 40, successes: 40, denied: 6, latency: [ms(7, 40)] }),
          // A meshed client asks for the path that the kubelet probes.
          httpRow({ route: "/default/probe", requests: 20, successes: 20, latency: [ms(7, 20)] }),
          // The kubelet's probes of a container that starts: nobody's traffic.
          httpRow({
            route: "/default/probe",
            tls: "no_tls_from_remote",
            requests: 60,
            failures: 60,
            latency: [ms(900, 60)],
          }),
        ],
      }),
      "demo/kv-1": buildReply({ tcp: [tcpRow({ open: 3 })] }),
      "watch/probe-1": buildReply({
        http: [
          call({ requests: 6, successes: 6, latency: [ms(1, 6)] }),
          // It named the Service's address and reached no endpoint.
          httpRow({ direction: "outbound", target: "10.1.0.2:80", requests: 6, failures: 6 }),
        ],
      }),
    },
  );
}

function query(args: string, parts: Partial<StatQuery> = {}): StatQuery {
  return {
    selections: parseSelection(args.split(" ")),
    namespace: "demo",
    windowMs: 60_000,
    unmeshed: false,
    ...parts,
  };
}

async function table(
  kube: FakeKube,
  asked: StatQuery,
  options: { wide?: boolean; all?: boolean } = {},
): Promise<string> {
  const { tables } = await collectStat(kube, asked);
  return statTables(tables, { wide: options.wide ?? false, allNamespaces: options.all ?? false })
    .map(({ columns, rows }) => renderTable(columns, rows))
    .join("\n");
}

test("stat of deployments sums what came in to their pods", async () => {
  assert.equal(
    await table(shop(), query("deploy")),
    `NAME    MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN
books      1/1   100.00%   1.0rps           7ms           7ms           7ms          -
kv         1/1         -        -             -             -             -          3
web        2/2    96.00%   3.0rps           2ms          30ms         401ms          2
`,
  );
});

test("stat asks only the proxies that it needs", async () => {
  const kube = shop();
  await table(kube, query("deploy/web"));
  assert.deepEqual(kube.requests, [
    "GET /api/v1/namespaces/demo/pods",
    "GET /apis/apps/v1/namespaces/demo/replicasets",
    "GET /api/v1/namespaces/demo/pods/web-1:4191/proxy/stats?window=1m0s",
    "GET /api/v1/namespaces/demo/pods/web-2:4191/proxy/stats?window=1m0s",
  ]);
});

test("stat of several types is one table each, in a fixed order, with prefixed names", async () => {
  assert.equal(
    await table(shop(), query("po/web-1 deploy/web"), { wide: true }),
    `NAME         MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN   READ_BYTES/SEC   WRITE_BYTES/SEC
deploy/web      2/2    96.00%   3.0rps           2ms          30ms         401ms          2         100.0B/s          200.0B/s

NAME        STATUS   MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN   READ_BYTES/SEC   WRITE_BYTES/SEC
po/web-1   Running      1/1    95.00%   2.0rps           2ms          30ms         401ms          2         100.0B/s          200.0B/s
`,
  );
});

test("stat shows resources without a proxy only when asked", async () => {
  const text = await table(shop(), query("deploy", { unmeshed: true }));
  assert.match(text, /^legacy {6}0\/1 {9}- {8}- .*-$/m);
});

test("stat of a service sums what its clients saw, in every namespace", async () => {
  assert.equal(
    await table(shop(), query("svc")),
    `NAME    MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN
books        -    54.55%   1.1rps           8ms           8ms           8ms          1
web          -     0.00%   0.1rps             -             -             -          -
`,
  );
});

test("stat --to shows what went out to a resource", async () => {
  for (const to of ["deploy/books", "svc/books", "po/books-1"]) {
    const peer = { selection: parseSelection([to])[0]!, namespace: "demo" };
    const text = await table(shop(), query("deploy", { to: peer }));
    assert.match(text, /^web +2\/2 +50\.00% +1\.0rps +8ms +8ms +8ms +1$/m, to);
    assert.match(text, /^books +1\/1 +- +- +- /m, to);
  }
});

test("stat --from shows a resource's traffic as that client sees it", async () => {
  const from = { selection: parseSelection(["deploy/web"])[0]!, namespace: "demo" };
  const text = await table(shop(), query("deploy/books", { from }));
  assert.match(text, /^books {6}1\/1 {4}50\.00% {3}1\.0rps/m);
});

test("stat of namespaces counts pods and traffic of each", async () => {
  assert.equal(
    await table(shop(), query("ns", { namespace: undefined }), { all: true }),
    `NAME    MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN
demo       4/5    97.14%   4.0rps           7ms          30ms         401ms          5
watch      1/1         -        -             -             -             -          -
`,
  );
});

test("stat of all namespaces has a column for them", async () => {
  const text = await table(shop(), query("deploy", { namespace: undefined }), { all: true });
  assert.match(text, /^NAMESPACE {3}NAME {4}MESHED/);
  assert.match(text, /^watch {7}probe {6}1\/1 {9}-/m);
});

test("stat as JSON has upstream's keys, and null where nothing was", async () => {
  const { tables } = await collectStat(shop(), query("deploy/kv deploy/books"));
  assert.deepEqual(statData(tables), [
    {
      namespace: "demo",
      kind: "deployment",
      name: "books",
      meshed: "1/1",
      success: 1,
      rps: 1,
      latency_ms_p50: 7,
      latency_ms_p95: 7,
      latency_ms_p99: 7,
      tcp_open_connections: null,
      tcp_read_bytes_rate: null,
      tcp_write_bytes_rate: null,
    },
    {
      namespace: "demo",
      kind: "deployment",
      name: "kv",
      meshed: "1/1",
      success: null,
      rps: null,
      latency_ms_p50: null,
      latency_ms_p95: null,
      latency_ms_p99: null,
      tcp_open_connections: 3,
      tcp_read_bytes_rate: 0,
      tcp_write_bytes_rate: 0,
    },
  ]);
  assert.deepEqual(statData([]), []);
});

test("stat of a name that does not exist is an error, of one without pods nothing", async () => {
  await assert.rejects(collectStat(shop(), query("deploy/nope")), { code: "KUBE_NOT_FOUND" });
  assert.deepEqual((await collectStat(shop(), query("deploy/idle"))).tables, []);
});

test("stat says which proxies did not answer and which are young", async () => {
  const kube = createFakeKube(
    {
      "/api/v1/namespaces/demo/pods": ["a-1", "b-1", "c-1", "d-1", "e-1", "f-1"].map((name, index) =>
        buildPod({ name, phase: name === "f-1" ? "Pending" : "Running", ip: `10.0.0.${index}` }),
      ),
      "/apis/apps/v1/namespaces/demo/replicasets": [],
    },
    {
      "demo/a-1": buildReply({ windowMs: 12_000 }),
      "demo/b-1": kubeError("KUBE_TIMEOUT", "no answer in 5s"),
      "demo/c-1": 503,
      "demo/d-1": 404,
    },
  );
  const { coverage } = await collectStat(kube, query("deploy"));
  assert.equal(
    describeCoverage(coverage),
    "1 of 5 proxies answered; no answer from demo/b-1 (no answer in 5s), demo/c-1 (status 503), demo/d-1 (its proxy has no /stats) and 1 more\n" +
      "some proxies are younger than 1m0s: their rates cover 12s or more",
  );
});

test("stat with everything answered has no footer", async () => {
  const { coverage } = await collectStat(shop(), query("deploy/books"));
  assert.equal(describeCoverage(coverage), undefined);
});

const INPUT: StatInput = {
  args: ["deploy"],
  namespace: undefined,
  contextNamespace: "default",
  allNamespaces: false,
  windowMs: 60_000,
  to: undefined,
  toNamespace: undefined,
  from: undefined,
  fromNamespace: undefined,
  labelSelector: undefined,
  unmeshed: false,
};

const refused: readonly (readonly [parts: Partial<StatInput>, code: string, message: string])[] = [
  [{ to: "a", from: "b" }, "STAT_FLAGS", "--to and --from flags are mutually exclusive"],
  [
    { toNamespace: "a", fromNamespace: "b" },
    "STAT_FLAGS",
    "--to-namespace and --from-namespace flags are mutually exclusive",
  ],
  [
    { allNamespaces: true, namespace: "x" },
    "STAT_FLAGS",
    "--all-namespaces and --namespace flags are mutually exclusive",
  ],
  [{ args: ["ns"], namespace: "x" }, "STAT_FLAGS", "--namespace is not applicable to namespaces"],
  [
    { args: ["ns"], to: "po", toNamespace: "x" },
    "STAT_FLAGS",
    "--to-namespace is not applicable to namespaces",
  ],
  [
    { args: ["deploy/web"], allNamespaces: true },
    "STAT_FLAGS",
    "deploy/web and --all-namespaces exclude each other",
  ],
  [{ windowMs: 14_999 }, "STAT_WINDOW", "the time window 14.999s is not between 15s and 10m"],
  [{ windowMs: 600_001 }, "STAT_WINDOW", "the time window 10m0.001s is not between 15s and 10m"],
  [{ from: "svc/web" }, "STAT_FLAGS", "--from svc/web: a service sends no traffic"],
  [{ to: "all" }, "STAT_FLAGS", "--to cannot be all"],
  [{ to: "server/x" }, "STAT_FLAGS", "--to cannot be a server"],
  [{ args: ["srv"], to: "po" }, "STAT_FLAGS", "--to and --from cannot be combined with server"],
  [{ args: ["meshtlsauthn"] }, "STAT_FLAGS", "a meshtlsauthentication has no traffic of its own"],
  [{ args: ["svc"], to: "po" }, "STAT_FLAGS", "a service sends no traffic, so --to has no source"],
  [{ toNamespace: "x" }, "STAT_FLAGS", "--to-namespace needs --to"],
];
for (const [parts, code, message] of refused) {
  test(`stat refuses ${JSON.stringify(parts)}`, () => {
    assert.throws(
      () => parseStatQuery({ ...INPUT, ...parts }),
      (error) => error instanceof MeshError && error.code === code && error.message === message,
    );
  });
}

test("stat takes the namespace of the context, and that of --to from its own flag", () => {
  assert.equal(parseStatQuery(INPUT).namespace, "default");
  assert.equal(parseStatQuery({ ...INPUT, allNamespaces: true }).namespace, undefined);
  const { to } = parseStatQuery({ ...INPUT, namespace: "demo", to: "deploy/books", toNamespace: "data" });
  assert.deepEqual([to!.selection.name, to!.namespace], ["books", "data"]);
  assert.equal(parseStatQuery({ ...INPUT, namespace: "demo", to: "deploy" }).to!.namespace, "demo");
});

for (const side of ["to", "from"] as const) {
  for (const [text, kind] of [
    ["deploy/nope", "deployments"],
    ["svc/nope", "services"],
    ["ns/nope", "namespaces"],
  ] as const) {
    if (side === "from" && text.startsWith("svc")) continue;
    test(`--${side} ${text} that does not exist is an error, not an absence of traffic`, async () => {
      const [selection] = parseSelection([text]);
      const namespace = text.startsWith("ns") ? undefined : "demo";
      const query: StatQuery = {
        selections: parseSelection(["deploy"]),
        namespace: "demo",
        windowMs: 60_000,
        unmeshed: false,
        [side]: { selection: selection!, namespace },
      };
      await assert.rejects(collectStat(shop(), query), (error: MeshError) => {
        assert.equal(error.code, "KUBE_NOT_FOUND");
        assert.match(error.message, new RegExp(`${kind}/nope`));
        return true;
      });
    });
  }
}
