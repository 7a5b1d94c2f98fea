import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tryParseProxyDuration } from "../../../src/base/duration.ts";
import { ConfigReader } from "../../../src/proxy/config-env.ts";
import { UNSUPPORTED_SUFFIXES } from "../../../src/proxy/config-ignored.ts";
import { parseProxyConfig } from "../../../src/proxy/config-parse.ts";

const PAGE = readFileSync(new URL("../../../docs/proxy-configuration.md", import.meta.url), "utf8");
/** Once for each side. */
const SIDES = "{INBOUND,OUTBOUND}";
/** Of both or none, as their description says; the reader decides later. */
const DEPENDS = new Set([
  "CORES_MIN",
  "INBOUND_CONNECT_EXP_BACKOFF_JITTER",
  "OUTBOUND_CONNECT_EXP_BACKOFF_JITTER",
]);

interface Row {
  readonly name: string;
  readonly fallback: string;
}

/** Rows `| \`NAME\`, \`NAME\` | meaning | default |`; two defaults stand for the two sides. */
function rows(section: string): Row[] {
  const found: Row[] = [];
  for (const line of section.split("\n")) {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (cells.length < 5 || !cells[1]!.startsWith("`")) continue;
    const names = [...cells[1]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
    for (const name of names) {
      const fallbacks = cells[3]!.split(" / ");
      if (!name.startsWith(SIDES)) found.push({ name, fallback: fallbacks[0]! });
      else {
        const rest = name.slice(SIDES.length);
        found.push({ name: `INBOUND${rest}`, fallback: fallbacks[0]! });
        found.push({ name: `OUTBOUND${rest}`, fallback: fallbacks.at(-1)! });
      }
    }
  }
  return found;
}

const [supported = "", unsupported = ""] = PAGE.split("\n## Not supported");

function readNothing(): ConfigReader {
  const reader = new ConfigReader({});
  assert.throws(() => parseProxyConfig({}, reader), { code: "PROXY_CONFIG_INVALID" });
  return reader;
}

test("docs/proxy-configuration.md names every variable that is read, and no other", () => {
  const names = rows(supported).map(({ name }) => name);
  assert.deepEqual(names.toSorted(), [...readNothing().asked].toSorted());
  assert.equal(new Set(names).size, names.length);
});

test("docs/proxy-configuration.md says what a variable is when it is not set", () => {
  const { fallbacks } = readNothing();
  for (const { name, fallback } of rows(supported)) {
    const known = fallbacks.get(name);
    const text = fallback.replaceAll("`", "");
    if (DEPENDS.has(name) || (typeof known === "object" && known !== null)) continue;
    if (typeof known === "number") {
      const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : tryParseProxyDuration(text);
      assert.equal(value, known, `${name}: ${text}`);
    } else if (known === undefined || known === "") {
      assert.match(text, /^(–|required)$/, name);
    } else {
      assert.equal(text, String(known), name);
    }
  }
});

test("docs/proxy-configuration.md names every variable that is known and not supported", () => {
  assert.deepEqual(
    rows(unsupported)
      .map(({ name }) => name)
      .toSorted(),
    [...UNSUPPORTED_SUFFIXES].toSorted(),
  );
});
