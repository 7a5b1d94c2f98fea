import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../../src/base/error.ts";
import { LiveExchange } from "../../../../src/observe/live-exchange.ts";
import { type ExchangeConnection, ServerExchange } from "../../../../src/proxy/http/server-exchange.ts";
import { createRescue, RESCUED_CODES } from "../../../../src/proxy/layers/rescue.ts";
import { RequestHead, type ResponseHead } from "../../../../src/wire/http1-head.ts";

interface Answered {
  readonly head: ResponseHead;
  readonly exchange: ServerExchange;
  readonly unexpected: string[];
}

function rescue(cause: unknown, isInformational = true): Answered {
  const heads: ResponseHead[] = [];
  const unexpected: string[] = [];
  const connection: ExchangeConnection = {
    attachBody() {},
    resumeBody() {},
    sendInterim() {},
    sendHead: (_exchange, head) => void heads.push(head),
    sendData: () => true,
    sendEnd() {},
    upgrade: () => assert.fail("no upgrade"),
    cut: () => assert.fail("nothing is cut"),
  };
  const recorder = {
    opened() {},
    requestEnded() {},
    connection() {},
    retried() {},
    responded() {},
    closed() {},
    transportOpened() {},
    transportClosed() {},
    wantsHeaders: false,
  };
  const exchange = new ServerExchange({
    request: new RequestHead(),
    live: new LiveExchange("inbound", "http/1"),
    recorder,
    connection,
    rescue: createRescue({
      isInformational: () => isInformational,
      onUnexpected: (error) => void unexpected.push(error.code),
    }),
  });
  exchange.responseEdits.push(() => assert.fail("filters are not for our own answers"));
  exchange.fail(cause);
  return { head: heads[0]!, exchange, unexpected };
}

function error(code: string): MeshError {
  return new MeshError({ kind: "environment", code, message: `what happened\r\nX: y\u2028` });
}

/** The reference's table, and RFC 9110 for what it leaves to the HTTP library. */
const TABLE: Readonly<Record<string, readonly [status: number, closes: boolean]>> = {
  BALANCER_FAILFAST: [504, true],
  BALANCER_SHED: [503, true],
  PROXY_OVERLOADED: [503, true],
  DISCOVERY_TIMEOUT: [504, true],
  OUTBOUND_INVALID_TARGET: [502, true],
  REQUEST_TIMEOUT: [504, false],
  RESPONSE_STREAM_TIMEOUT: [504, false],
  IDLE_TIMEOUT: [504, false],
  PROFILE_TIMEOUT: [504, true],
  DIAL_TIMEOUT: [504, true],
  TLS_TIMEOUT: [504, true],
  DIAL_FAILED: [502, true],
  DIAL_ABORTED: [502, true],
  DIAL_LOOP: [502, true],
  TLS_FAILED: [502, true],
  TLS_IDENTITY_MISMATCH: [502, true],
  TLS_NO_CERTIFICATE: [502, true],
  UPSTREAM_CLOSED: [502, true],
  UPSTREAM_MALFORMED: [502, true],
  UPSTREAM_RESET: [502, true],
  GATEWAY_LOOP: [508, true],
  GATEWAY_DOMAIN_INVALID: [404, false],
  ROUTE_NOT_FOUND: [404, false],
  BACKEND_MISSING: [502, true],
  IDENTITY_REQUIRED: [502, true],
  REQUEST_UNAUTHORIZED: [403, false],
  REQUEST_RATE_LIMITED: [429, false],
  TARGET_MISSING: [400, true],
  HTTP_HEAD_TOO_LARGE: [431, true],
  HTTP_UNKNOWN_CODING: [501, true],
  HTTP_BAD_VERSION: [505, true],
  HTTP_BAD_START_LINE: [400, true],
  HTTP_BAD_TARGET: [400, true],
  HTTP_BAD_FIELD: [400, true],
  HTTP_BAD_LINE_END: [400, true],
  HTTP_BAD_FRAMING: [400, true],
  HTTP_BAD_CHUNK: [400, true],
  HTTP_TRUNCATED: [400, true],
};

test("every cause that has an answer is in the table, and no other", () => {
  assert.deepEqual([...RESCUED_CODES].sort(), Object.keys(TABLE).sort());
});

for (const [code, [status, closes]] of Object.entries(TABLE)) {
  test(`${code} is answered ${status}${closes ? ", closing the connection" : ""}`, () => {
    const { head, exchange, unexpected } = rescue(error(code));
    assert.equal(head.status, status);
    assert.notEqual(head.reason, "");
    assert.equal(exchange.mustClose, closes);
    assert.equal(head.fields.get("content-length"), "0");
    assert.equal(head.fields.get("l5d-proxy-error"), "what happened??X: y?");
    assert.equal(head.fields.get("l5d-proxy-connection"), closes ? "close" : undefined);
    assert.notEqual(exchange.live.error, "");
    assert.equal(exchange.live.status, status);
    assert.deepEqual(unexpected, []);
    assert.equal(exchange.state, "done");
  });
}

test("anything else is 500, and is reported as unexpected", () => {
  const { head, exchange, unexpected } = rescue(new TypeError("x is not a function"));
  assert.equal(head.status, 500);
  assert.equal(exchange.live.error, "unexpected error");
  assert.deepEqual(unexpected, ["BUG_UNEXPECTED"]);
});

test("a stranger learns nothing of the reason", () => {
  const { head } = rescue(error("DIAL_FAILED"), false);
  assert.deepEqual(head.fields.entries(), [["content-length", "0"]]);
});

test("timeouts are marked as such in the record", () => {
  assert.equal(rescue(error("BALANCER_FAILFAST")).exchange.live.timedOut, true);
  assert.equal(rescue(error("DIAL_TIMEOUT")).exchange.live.timedOut, true);
  assert.equal(rescue(error("DIAL_FAILED")).exchange.live.timedOut, false);
});
