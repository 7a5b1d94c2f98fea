import assert from "node:assert/strict";
import { test } from "node:test";
import { LOG_RANKS, tryParseLogFilter } from "../../../src/proxy/log-filter.ts";

const { off, error, warn, info, debug, trace } = LOG_RANKS;

const CASES: readonly (readonly [filter: string, own: number, outbound: number])[] = [
  ["debug", debug, debug],
  ["INFO", info, info],
  ["off", off, off],
  ["warn,linkerd=info,hickory=error", info, info],
  ["warn,linkerd=info,[{headers}]=off,[{request}]=off", info, info],
  ["info,meshctl=trace", trace, trace],
  ["warn,meshctl::outbound=debug", warn, debug],
  ["meshctl::outbound=debug,warn", warn, debug],
  ["error,linkerd::outbound=info,meshctl::outbound=warn", error, warn],
  ["warn,meshctl::out=debug", warn, warn],
  ["info,warn", warn, warn],
  ["meshctl", trace, trace],
  ["hickory=debug", off, off],
];

for (const [text, own, outbound] of CASES) {
  test(`the filter ${text} gives the levels ${own} and ${outbound}`, () => {
    const filter = tryParseLogFilter(text)!;
    assert.deepEqual([filter.rankOf("meshctl"), filter.rankOf("meshctl::outbound")], [own, outbound]);
    assert.equal(filter.text, text);
  });
}

for (const text of ["", "loud", "info,", "info,,warn", "meshctl=loud", "=info", "warn=x y", "a b"]) {
  test(`${JSON.stringify(text)} is no filter`, () => assert.equal(tryParseLogFilter(text), undefined));
}
