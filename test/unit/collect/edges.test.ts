import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { collectEdges } from "../../../src/collect/edges.ts";
import { parseEdgesQuery } from "../../../src/collect/edges-query.ts";
import { fanOut } from "../../../src/collect/fan-out.ts";
import { resolveKind } from "../../../src/collect/kinds.ts";
import { describeNoTls } from "../../../src/observe/edge.ts";
import { edgesData, renderEdgesTable, shortenIdentity } from "../../../src/views/edges-table.ts";
import { buildPod, buildReply, createFakeKube, tcpRow } from "./fake-kube.ts";

const ID = "serviceaccount.identity.meshctl.cluster.local";

/** gate (namespace edge) -> web -> books; legacy (no proxy) -> books; web -> legacy; web -> itself. */
function mesh() {
  const pods = [
    buildPod({ name: "gate-1", ip: "10.0.1.1", namespace: "edge" }),
    buildPod({ name: "web-1", ip: "10.0.0.1" }),
    buildPod({ name: "books-1", ip: "10.0.0.2" }),
    buildPod({ name: "legacy-1", ip: "10.0.0.3", meshed: false, deployment: "legacy" }),
  ];
  pods[3]!.metadata.labels = { "meshctl.io/proxy-deployment": "legacy" };
  const out = (name: string, ip: string, parts: object = {}) =>
    tcpRow({
      direction: "outbound",
      peer: { ip, identity: `${name}.demo.${ID}`, labels: { pod: `${name}-1`, namespace: "demo" } },
      ...parts,
    });
  return createFakeKube(
    { "/api/v1/pods": pods, "/apis/apps/v1/replicasets": [] },
    {
      "edge/gate-1": buildReply({ identity: `gate.edge.${ID}`, tcp: [out("web", "10.0.0.1")] }),
      "demo/web-1": buildReply({
        identity: `web.demo.${ID}`,
        tcp: [
          out("books", "10.0.0.2", { open: 0, opened: 2 }),
          out("books", "10.0.0.2", { target: "books.demo.svc:81" }),
          out("web", "10.0.0.1", { tls: "loopback" }),
          tcpRow({
            direction: "outbound",
            peer: { ip: "10.0.0.3", identity: "", labels: {} },
            tls: "not_provided_by_service_discovery",
          }),
          tcpRow({
            direction: "outbound",
            peer: { ip: "93.184.216.34", identity: "", labels: {} },
            tls: "x",
          }),
          out("books", "10.0.0.2", { open: 0, opened: 0, readBytes: 5, tls: "old" }),
        ],
      }),
      "demo/books-1": buildReply({
        identity: `books.demo.${ID}`,
        tcp: [
          tcpRow({ peer: { ip: "10.0.0.3", identity: "", labels: {} }, tls: "no_tls_from_remote" }),
          tcpRow({ peer: { ip: "10.0.0.1", identity: `web.demo.${ID}`, labels: {} } }),
        ],
      }),
    },
  );
}

const query = (namespace: string | undefined, kind = "deploy") => ({
  kind: resolveKind(kind),
  namespace,
  windowMs: 60_000,
});

test("edges show who talks to whom, each once, with what secures it", async () => {
  const { edges } = await collectEdges(mesh(), query("demo"));
  assert.equal(
    renderEdgesTable(edges, { wide: false }),
    `SRC      DST      SRC_NS   DST_NS   SECURED
legacy   books    demo     demo     Not Provided By Remote
web      books    demo     demo     √
web      legacy   demo     demo     Not Provided By Service Discovery
gate     web      edge     demo     √
`,
  );
});

test("edges in wide have the identities of both ends", async () => {
  const { edges } = await collectEdges(mesh(), query("edge"));
  assert.equal(
    renderEdgesTable(edges, { wide: true }),
    `SRC    DST   SRC_NS   DST_NS   CLIENT_ID   SERVER_ID   SECURED
gate   web   edge     demo     gate.edge   web.demo    √
`,
  );
  assert.deepEqual(edgesData(edges), [
    {
      src: "gate",
      src_namespace: "edge",
      dst: "web",
      dst_namespace: "demo",
      client_id: "gate.edge",
      server_id: "web.demo",
      no_tls_reason: "",
    },
  ]);
});

test("edges between pods and between namespaces name those", async () => {
  const pods = await collectEdges(mesh(), query(undefined, "po"));
  assert.deepEqual(
    pods.edges.map(({ src, dst }) => `${src} ${dst}`),
    ["legacy-1 books-1", "web-1 books-1", "web-1 legacy-1", "gate-1 web-1"],
  );
  const namespaces = await collectEdges(mesh(), query("edge", "ns"));
  assert.match(renderEdgesTable(namespaces.edges, { wide: false }), /^edge {3}demo {3}- {8}- {8}√$/m);
});

test("edges of nothing are no table and an empty list", () => {
  assert.equal(renderEdgesTable([], { wide: true }), "");
  assert.deepEqual(edgesData([]), []);
});

test("edges never show an unknown reason as secured", () => {
  assert.equal(describeNoTls("true"), "");
  assert.equal(describeNoTls("something_new"), "something_new");
  assert.equal(describeNoTls(""), "Unknown");
});

test("edges shorten identities to two parts, and survive one without a dot", () => {
  assert.equal(shortenIdentity(`web.demo.${ID}`), "web.demo");
  assert.equal(shortenIdentity("spiffe"), "spiffe");
});

for (const [args, code] of [
  [[], "EDGES_RESOURCE"],
  [["deploy/web"], "EDGES_RESOURCE"],
  [["deploy", "web"], "EDGES_RESOURCE"],
  [["all"], "EDGES_RESOURCE"],
  [["svc"], "EDGES_RESOURCE"],
  [["srv"], "EDGES_RESOURCE"],
  [["foo"], "SELECTOR_UNKNOWN_TYPE"],
] as const) {
  test(`edges refuse "${args.join(" ")}"`, () => {
    assert.throws(
      () => parseEdgesQuery({ args, namespace: undefined, contextNamespace: "demo", allNamespaces: false }),
      (error) => error instanceof MeshError && error.code === code,
    );
  });
}

test("fan-out keeps order, asks 32 at a time and never fails as a whole", async () => {
  let running = 0;
  let most = 0;
  const gates: (() => void)[] = [];
  const targets = Array.from({ length: 100 }, (_, index) => index);
  const done = fanOut(targets, async (target) => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => gates.push(resolve));
    running--;
    if (target % 10 === 0) throw new Error(`no ${target}`);
    return target * 2;
  });
  let opened = 0;
  while (opened < 100) {
    for (const open of gates.splice(0).reverse()) {
      open();
      opened++;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { answered, failed } = await done;
  assert.equal(most, 32);
  assert.deepEqual(
    answered.map(({ from, value }) => [from, value]),
    targets.filter((target) => target % 10 !== 0).map((target) => [target, target * 2]),
  );
  assert.equal(failed[1]?.from, 10);
  assert.equal(failed[1]?.reason, "no 10");
});

test("fan-out ends with the signal", async () => {
  const stop = new AbortController();
  const done = fanOut([1, 2, 3], async () => stop.abort(new Error("stopped")), stop.signal);
  await assert.rejects(done, /stopped/);
});
