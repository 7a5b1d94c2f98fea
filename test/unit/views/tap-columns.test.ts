import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { readPod } from "../../../src/collect/pod-facts.ts";
import type { Exchange, TapLine } from "../../../src/observe/exchange.ts";
import { viewExchange } from "../../../src/observe/exchange-view.ts";
import { indexPods } from "../../../src/observe/workload.ts";
import { COLUMN_NAMES, checkColumns, TapColumns } from "../../../src/views/tap-columns.ts";
import { buildPod } from "../collect/fake-kube.ts";
import { buildExchange } from "../observe/build-exchange.ts";

const web = readPod(buildPod({ name: "web-1", ip: "10.0.0.1" }), new Map());
const books = readPod(buildPod({ name: "books-1", ip: "10.0.0.2" }), new Map());
const index = indexPods([web, books]);

function line(event: TapLine["event"], fields: Partial<Exchange> = {}): TapLine {
  const ended = {
    openedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    status: 200,
    responseUs: 1500,
    closedUs: 2500,
  };
  return { event, exchange: { ...viewExchange(buildExchange({ id: 7 })), ...ended, ...fields } };
}

function print(names: readonly string[], lines: readonly TapLine[]): string {
  const columns = new TapColumns(names, index);
  return lines.map((one) => columns.print({ podIndex: 0, pod: books, line: one })).join("");
}

test("a request is a line when it has ended, below one header", () => {
  const names = ["time", "src", "dst", "method", "path", "status", "latency"];
  assert.equal(
    print(names, [
      line("opened"),
      line("responded"),
      line("closed"),
      line("closed", { path: "/a/longer/path" }),
      line("closed"),
    ]),
    `TIME  SRC  DST  METHOD  PATH  STATUS  LATENCY
03:04:05.006  web-1  books-1  GET     /list  200     2ms
03:04:05.006  web-1  books-1  GET     /a/longer/path  200     2ms
03:04:05.006  web-1  books-1  GET     /list           200     2ms
`.replace(
      "TIME  SRC  DST  METHOD  PATH  STATUS  LATENCY",
      "TIME          SRC    DST      METHOD  PATH   STATUS  LATENCY",
    ),
  );
});

test("opaque connections have no lines", () => {
  assert.equal(
    print(["src"], [line("closed", { protocol: "opaque" }), line("closed", { protocol: "tls" })]),
    "",
  );
});

test("every column says something of every request, also of one that got no answer", () => {
  const cut = { status: 0, responseUs: -1, grpcStatus: -1, tls: "", error: "", authorization: "" };
  const [header, cells] = print(COLUMN_NAMES, [line("closed", { ...cut })])
    .trimEnd()
    .split("\n");
  assert.equal(header!.split(/ {2,}/).length, COLUMN_NAMES.length);
  assert.equal(cells!.split(/ {2,}/).length, COLUMN_NAMES.length, cells ?? "");
});

test("policies are named without their kind, identities by their first two parts", () => {
  const fields = {
    authorization: "policy.meshctl.io/AuthorizationPolicy/web-reads",
    peerIdentity: "web.demo.serviceaccount.identity.meshctl.cluster.local",
  };
  assert.match(print(["authorization", "peer"], [line("closed", fields)]), /\nweb-reads {6}web\.demo\n$/);
});

test("a column that there is not, and none at all, are refused with those that there are", () => {
  const refused: readonly (readonly string[])[] = [["src", "colour"], []];
  for (const names of refused) {
    assert.throws(
      () => checkColumns(names),
      (error) =>
        error instanceof MeshError &&
        error.code === "TAP_COLUMNS" &&
        /time, direction, src, dst/.test(error.hint ?? ""),
    );
  }
  checkColumns(COLUMN_NAMES);
});
