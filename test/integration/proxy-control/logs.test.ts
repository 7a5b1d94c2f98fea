import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { CLIENT_IDENTITY, type ProxyPair, skipProxyPair, startProxyPair } from "../../support/proxy-pair.ts";

describe("what a proxy writes", { skip: skipProxyPair }, () => {
  let pair: ProxyPair;

  before(async () => {
    pair = await startProxyPair({
      application(_request, response) {
        response.setHeader("content-length", 5);
        response.end("hello");
      },
      serverEnv: { ACCESS_LOG: "json", LOG_FORMAT: "json", LOG: "error,meshctl=info" },
      clientEnv: { ACCESS_LOG: "apache" },
    });
  });

  after(() => pair?.stop());

  const objects = (): Record<string, unknown>[] =>
    pair.server
      .stderr()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  /** Asks the server's admin port as the pod itself would. */
  async function admin(method: string, path: string, body = ""): Promise<{ status: number; text: string }> {
    const host = pair.server.ip;
    const request = http.request({ host, port: 4191, localAddress: host, method, path });
    request.end(body);
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    return { status: response.statusCode ?? 0, text };
  }

  test("an inbound request is a line of the access log, with who asked; outbound ones are none", async () => {
    const response = await fetch(`http://${pair.entrance}/list?a=b`, {
      headers: { "user-agent": "test/1", "x-request-id": "r-1", host: "books" },
    });
    assert.equal(await response.text(), "hello");
    const line = objects().find((one) => "client.addr" in one)!;
    const { "client.addr": client, timestamp, total_ns, processing_ns, host, uri, ...rest } = line;
    assert.match(String(client), /^127\.[\d.]+:\d+$/);
    assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    assert.ok(Number(total_ns) >= Number(processing_ns) && Number(processing_ns) > 0);
    assert.equal(uri, `http://${host}/list?a=b`);
    assert.deepEqual(rest, {
      "client.id": CLIENT_IDENTITY,
      method: "GET",
      version: "HTTP/1.1",
      trace_id: "r-1",
      request_bytes: "",
      status: 200,
      response_bytes: "5",
      user_agent: "test/1",
    });
    assert.doesNotMatch(pair.client.stderr(), /"GET http/, "the client's proxy has only sent it on");
  });

  test("the log is an object a line, and its filter changes while the proxy runs", async () => {
    const started = objects().find(
      ({ fields }) => (fields as { message?: string })?.message === "meshctl proxy",
    );
    assert.deepEqual([started?.level, started?.target], ["INFO", "meshctl"]);
    assert.deepEqual(await admin("GET", "/proxy-log-level"), { status: 200, text: "error,meshctl=info\n" });
    assert.equal((await admin("PUT", "/proxy-log-level", "warn,meshctl::inbound=debug")).status, 204);
    assert.equal((await admin("PUT", "/proxy-log-level", "loud")).status, 400);
    assert.equal((await admin("GET", "/proxy-log-level")).text, "warn,meshctl::inbound=debug\n");
  });
});
