import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { readPod } from "../../../src/collect/pod-facts.ts";
import type { Exchange, TapLine } from "../../../src/observe/exchange.ts";
import { viewExchange } from "../../../src/observe/exchange-view.ts";
import { indexPods } from "../../../src/observe/workload.ts";
import { evaluateJsonPath, parseJsonPath } from "../../../src/views/jsonpath.ts";
import { parseTapFormat } from "../../../src/views/tap-format.ts";
import { formatTapLine, type TapFormat, TapPrinter } from "../../../src/views/tap-lines.ts";
import { buildPod } from "../collect/fake-kube.ts";
import { buildExchange } from "../observe/build-exchange.ts";

const web = readPod(buildPod({ name: "web-1", ip: "10.0.0.1" }), new Map());
const books = readPod(buildPod({ name: "books-1", ip: "10.0.0.2" }), new Map());

function line(event: TapLine["event"], fields: Partial<Exchange> = {}): TapLine {
  return { event, exchange: { ...viewExchange(buildExchange({ id: 7 })), ...fields } };
}

function print(format: TapFormat, lines: readonly TapLine[], pod = books): string[] {
  const printer = new TapPrinter(format, indexPods([web, books]));
  return lines.map((one) => printer.print({ podIndex: 0, pod, line: one }));
}

const FLOW = "id=3:7 proxy=in  src=10.0.0.1:4000 dst=10.0.0.2:8080 tls=true";

test("tap lines are req, rsp and end", () => {
  const format = (one: TapLine): string => formatTapLine({ podIndex: 3, line: one });
  assert.equal(format(line("opened")), `req ${FLOW} :method=GET :authority=books.demo:80 :path=/list`);
  assert.equal(
    format(line("responded", { status: 200, responseUs: 1234 })),
    `rsp ${FLOW} :status=200 latency=1234µs`,
  );
  assert.equal(
    format(line("closed", { status: 200, responseUs: 1234, closedUs: 1300, responseBytes: 4096 })),
    `end ${FLOW} duration=66µs response-length=4096B`,
  );
});

test("tap's end line names the gRPC status, and says why a proxy cut it", () => {
  const end = (fields: Partial<Exchange>): string =>
    formatTapLine({ podIndex: 3, line: line("closed", { closedUs: 500, ...fields }) });
  assert.match(end({ grpcStatus: 0 }), / grpc-status=OK duration=500µs response-length=0B$/);
  assert.match(end({ grpcStatus: 14 }), / grpc-status=Unavailable duration=/);
  assert.match(end({ grpcStatus: 666 }), / grpc-status=Code\(666\) duration=/);
  assert.match(end({ error: "client left" }), / response-length=0B error="client left"$/);
});

test("tap lines pad the inbound direction and keep IPv6 in brackets", () => {
  const text = formatTapLine({
    podIndex: 0,
    line: line("opened", {
      direction: "outbound",
      client: "[fd00::1]:4000",
      server: "[fd00::2]:80",
      tls: "",
    }),
  });
  assert.ok(text.startsWith("req id=0:7 proxy=out src=[fd00::1]:4000 dst=[fd00::2]:80 tls= :method="));
});

test("tap prints an outbound request once its endpoint is known", () => {
  const fields = { direction: "outbound", client: "10.0.0.1:4000" } as const;
  const texts = print(
    { kind: "default" },
    [
      line("opened", { ...fields, server: "", tls: "" }),
      line("responded", { ...fields, status: 200, responseUs: 9 }),
      line("closed", { ...fields, status: 200, responseUs: 9, closedUs: 10 }),
    ],
    web,
  );
  assert.equal(texts[0], "");
  assert.equal(
    texts[1],
    "req id=0:7 proxy=out src=10.0.0.1:4000 dst=10.0.0.2:8080 tls=true :method=GET :authority=books.demo:80 :path=/list\n" +
      "rsp id=0:7 proxy=out src=10.0.0.1:4000 dst=10.0.0.2:8080 tls=true :status=200 latency=9µs\n",
  );
  assert.match(texts[2]!, /^end /);
});

test("tap has no lines for opaque connections", () => {
  assert.deepEqual(print({ kind: "default" }, [line("opened", { protocol: "opaque" })]), [""]);
});

test("tap -o wide appends the labels of both ends, sorted, and the route", () => {
  const [text] = print({ kind: "wide" }, [line("opened", { peerIdentity: "web.demo", route: "" })]);
  assert.equal(
    text,
    "req id=0:7 proxy=in  src=10.0.0.1:4000 dst=10.0.0.2:8080 tls=true :method=GET :authority=books.demo:80 :path=/list" +
      " src_client_id=web.demo src_control_plane_ns=meshctl src_deployment=web src_namespace=demo src_pod=web-1 src_replicaset=web-5d" +
      " src_serviceaccount=web src_tls=true" +
      " dst_control_plane_ns=meshctl dst_deployment=books dst_namespace=demo dst_pod=books-1 dst_replicaset=books-5d" +
      " dst_serviceaccount=books dst_srv_group= dst_srv_kind=default dst_srv_name=all-unauthenticated dst_tls=loopback\n",
  );
});

test("tap -o json has upstream's shape", () => {
  const [request, response, end] = print({ kind: "json" }, [
    { ...line("opened"), headers: [["accept", "*/*"]] },
    line("responded", { status: 503, responseUs: 1_500_002 }),
    line("closed", { status: 503, responseUs: 1_500_002, closedUs: 2_000_000, responseBytes: 3 }),
  ]).map((text) => JSON.parse(text));
  const { source, destination, routeMeta, proxyDirection, requestInitEvent } = request;
  assert.deepEqual([source.ip, source.port, source.metadata.pod], ["10.0.0.1", 4000, "web-1"]);
  assert.deepEqual(
    [destination.ip, destination.port, destination.metadata.pod],
    ["10.0.0.2", 8080, "books-1"],
  );
  assert.deepEqual([routeMeta, proxyDirection], [{ route: "/default/default" }, "INBOUND"]);
  assert.deepEqual(requestInitEvent, {
    id: { base: 0, stream: 7 },
    method: "GET",
    scheme: "http",
    authority: "books.demo:80",
    path: "/list",
    headers: [{ name: "accept", valueStr: "*/*" }],
  });
  assert.deepEqual(response.responseInitEvent, {
    id: { base: 0, stream: 7 },
    sinceRequestInit: { seconds: 1, nanos: 500_002_000 },
    httpStatus: 503,
    headers: [],
  });
  assert.deepEqual(end.responseEndEvent, {
    id: { base: 0, stream: 7 },
    sinceRequestInit: { seconds: 2 },
    sinceResponseInit: { nanos: 499_998_000 },
    responseBytes: 3,
    trailers: [],
    grpcStatusCode: 0,
  });
});

test("tap -o jsonpath prints the first match, and nothing where there is none", () => {
  const format = parseTapFormat("jsonpath={.requestInitEvent.path}");
  assert.deepEqual(print(format, [line("opened"), line("responded")]), ["/list\n", ""]);
});

test("jsonpath reads fields, indexes and wildcards, with or without braces", () => {
  const value = { a: [{ "b-c": 1 }, { "b-c": "two" }], d: { e: null } };
  for (const [path, text] of [
    ["{.a[1].b-c}", "two"],
    ["a[0]['b-c']", "1"],
    ["$.a[*]['b-c']", "1"],
    [".d", '{"e":null}'],
    [".d.e", "null"],
    [".a[9]", undefined],
    [".a.b", undefined],
    [".constructor", undefined],
    ["{}", JSON.stringify(value)],
  ] as const) {
    assert.equal(evaluateJsonPath(path, value), text, path);
  }
  assert.throws(() => parseJsonPath("{.a[?(@.b)]}"), { code: "JSONPATH_INVALID" });
});

test("tap refuses a format that it does not know before it connects", () => {
  assert.throws(
    () => parseTapFormat("yaml"),
    (error) => error instanceof MeshError && error.message === 'output format "yaml" not recognized',
  );
  assert.throws(() => parseTapFormat("jsonpath={a b}"), { code: "JSONPATH_INVALID" });
  assert.throws(() => parseTapFormat("jsonpath="), { message: 'output format "jsonpath=" not recognized' });
  assert.deepEqual(parseTapFormat(undefined), { kind: "default" });
});

test("tap shows headers below the line that has them", () => {
  const headers = [
    ["accept", "*/*"],
    ["authorization", "***"],
  ] as const;
  const [text] = print({ kind: "default" }, [{ ...line("opened"), headers }]);
  assert.match(text!, /:path=\/list\n {4}accept: \*\/\*\n {4}authorization: \*\*\*\n$/);
});

test("tap colours failures, and nothing else", () => {
  const printer = new TapPrinter({ kind: "default" }, indexPods([web, books]), { colors: true });
  const text = (one: TapLine) => printer.print({ podIndex: 0, pod: books, line: one });
  const status = (code: number) => text(line("responded", { status: code, responseUs: 1 }));
  assert.ok(!(status(200) + text(line("opened")) + text(line("closed"))).includes("\u001b"));
  assert.ok(status(404).includes("\u001b[33m:status=404\u001b[39m latency"));
  assert.ok(status(503).includes("\u001b[31m:status=503\u001b[39m latency"));
  assert.ok(
    text(line("closed", { error: "client left" })).endsWith('\u001b[31m error="client left"\u001b[39m\n'),
  );
});
