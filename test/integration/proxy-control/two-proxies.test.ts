import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import {
  ANY_IDENTITY,
  CLIENT_IDENTITY,
  type ProxyPair,
  serverPolicy,
  skipProxyPair,
  startProxyPair,
} from "../../support/proxy-pair.ts";

describe("two proxies under one control plane", { skip: skipProxyPair }, () => {
  let pair: ProxyPair;

  before(async () => {
    pair = await startProxyPair({
      application(request, response) {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          response.setHeader("x-client-id", request.headers["l5d-client-id"] ?? "nobody");
          response.end(`${request.method} ${request.url} ${Buffer.concat(chunks)}`);
        });
      },
    });
  });

  after(() => pair?.stop());

  test("a request passes by mutual TLS: the application learns who asks", async () => {
    const response = await fetch(`http://${pair.entrance}/hello?a=b`, {
      method: "POST",
      body: "body",
    });
    assert.equal(response.status, 200, pair.client.stderr() + pair.server.stderr());
    assert.equal(response.headers.get("x-client-id"), CLIENT_IDENTITY);
    assert.equal(await response.text(), "POST /hello?a=b body");
  });

  test("the HTTP proxy port routes by authority", async () => {
    const request = http.request({
      host: pair.httpProxy.split(":")[0],
      port: 4140,
      path: "http://web/by-name",
      headers: { host: "web" },
    });
    request.end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.setEncoding("utf8");
    let text = "";
    for await (const chunk of response) text += chunk;
    assert.deepEqual([response.statusCode, text], [200, "GET /by-name "]);
    assert.equal(response.headers["x-client-id"], CLIENT_IDENTITY);
  });

  test("an outsider in plaintext is refused by a policy that wants identities", async () => {
    const response = await fetch(`http://${pair.applicationAddress}/`);
    assert.equal(response.status, 403);
  });

  test("a new policy holds for the next request, on both sides of an outage of the control plane", async () => {
    for (const watch of pair.watches) watch.send(serverPolicy([]));
    await statusBecomes(403);
    for (const watch of pair.watches) watch.send(serverPolicy([ANY_IDENTITY]));
    await statusBecomes(200);
    pair.plane.dropConnections();
    assert.equal((await fetch(`http://${pair.entrance}/`)).status, 200);
  });

  test("both drain and exit 0", async () => {
    assert.deepEqual(await Promise.all([pair.client.stop(), pair.server.stop()]), [0, 0]);
  });

  /** Asks until the status is the one that a policy on its way will bring; the test's time limit bounds it. */
  async function statusBecomes(status: number): Promise<void> {
    for (;;) {
      const response = await fetch(`http://${pair.entrance}/`);
      await response.arrayBuffer();
      if (response.status === status) return;
    }
  }
});
