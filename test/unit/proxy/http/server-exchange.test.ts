import assert from "node:assert/strict";
import { test } from "node:test";
import { authorityOf, originTarget } from "../../../../src/proxy/http/server-exchange.ts";
import { RequestHead, type TargetForm } from "../../../../src/wire/http1-head.ts";

function request(form: TargetForm, target: string, host?: string): RequestHead {
  const head = new RequestHead();
  head.form = form;
  head.target = target;
  if (host !== undefined) head.fields.append("Host", host);
  return head;
}

for (const [form, target, origin, authority] of [
  ["origin", "/a?b", "/a?b", "h:1"],
  ["absolute", "http://x:80/a?b=/c", "/a?b=/c", "x:80"],
  ["absolute", "http://x", "/", "x"],
  ["absolute", "http://x?q=/1", "/?q=/1", "x"],
  ["absolute", "HTTP://[::1]:8/", "/", "[::1]:8"],
  ["authority", "x:443", "x:443", "x:443"],
  ["asterisk", "*", "*", "h:1"],
] as const) {
  test(`${form} target ${target} is ${origin} of ${authority}`, () => {
    const head = request(form, target, "h:1");
    assert.equal(originTarget(head), origin);
    assert.equal(authorityOf(head), authority);
  });
}

test("a request without Host in origin form has no authority", () => {
  assert.equal(authorityOf(request("origin", "/")), "");
});
