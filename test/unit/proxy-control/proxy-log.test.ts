import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshError } from "../../../src/base/error.ts";
import { createAdjustableLog } from "../../../src/proxy/proxy-log.ts";

test("log level changes for the logger and the children that it already has", () => {
  const lines: string[] = [];
  const { logger, level } = createAdjustableLog({
    level: "warn",
    format: "plain",
    write: (line) => lines.push(line.replace(/^\S+ /, "").trimEnd()),
    now: () => 0,
  });
  const child = logger.child({ side: "inbound" });
  const all = (who: string) => {
    for (const at of ["error", "warn", "info", "debug"] as const) child[at](who);
  };
  all("a");
  level.set(" Debug\n");
  all("b");
  level.set("off");
  all("c");
  assert.deepEqual(lines, [
    "ERROR a side=inbound",
    "WARN  a side=inbound",
    "ERROR b side=inbound",
    "WARN  b side=inbound",
    "INFO  b side=inbound",
    "DEBUG b side=inbound",
  ]);
  assert.equal(level.get(), "off");
});

test("parts of the proxy have levels of their own, and JSON lines say which part writes", () => {
  const lines: { level: string; target: string; fields: { message: string } }[] = [];
  const log = createAdjustableLog({
    level: "warn,meshctl::outbound=debug",
    format: "json",
    write: (line) => lines.push(JSON.parse(line)),
    now: () => 0,
  });
  log.logger.info("a");
  log.part("inbound").info("b");
  log.part("outbound").child({ n: 1 }).debug("c");
  log.level.set("off,linkerd::inbound=info");
  log.part("inbound").info("d");
  log.part("outbound").error("e");
  assert.deepEqual(
    lines.map(({ target, fields }) => [target, fields.message]),
    [
      ["meshctl::outbound", "c"],
      ["meshctl::inbound", "d"],
    ],
  );
});

test("unknown log level is refused and changes nothing", () => {
  const { level } = createAdjustableLog({ level: "info", format: "plain", write: () => {}, now: () => 0 });
  assert.throws(
    () => level.set("loud"),
    (error: MeshError) => error.code === "LOG_LEVEL_UNKNOWN",
  );
  assert.equal(level.get(), "info");
});
