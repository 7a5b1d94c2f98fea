import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { after, before, describe, test } from "node:test";
import { parsePromText } from "../../../src/wire/prom-parse.ts";
import { type ProxyPair, serverPolicy, skipProxyPair, startProxyPair } from "../../support/proxy-pair.ts";
import { until } from "../../support/until.ts";

/** 2^40: where the numbers of the second worker's exchanges begin. */
const SECOND_WORKER = 2 ** 40;
const EVERYBODY = {
  metadata: { kind: { case: "default", value: "everybody" } },
  networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
  authentication: { permit: { case: "unauthenticated", value: {} } },
};
const CONNECTIONS = 40;

describe("a proxy with two workers", { skip: skipProxyPair }, () => {
  let pair: ProxyPair;
  const held: ServerResponse[] = [];

  before(async () => {
    pair = await startProxyPair({
      serverWorkers: 2,
      serverEnv: { INBOUND_MAX_IN_FLIGHT: "3" },
      application(request, response) {
        if (request.url !== "/hold") return void response.end("hello");
        held.push(response);
      },
    });
    // Of each worker and of the main thread, for its admin port.
    for (const watch of pair.watches) watch.send(serverPolicy([EVERYBODY]));
    await until("everybody to be let in", async () => (await get("/warm")).statusCode === 200);
  });
  after(async () => {
    await pair?.stop();
  });

  /** On a connection of its own: the kernel gives each to one of the workers. */
  async function get(path: string): Promise<IncomingMessage> {
    const [host, port] = pair.applicationAddress.split(":");
    const request = http.get({ host, port, path, agent: false });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.resume();
    return response;
  }

  /** From the pod's own address, which may read everything. */
  async function admin(path: string): Promise<string> {
    const request = http.get({ host: pair.server.ip, port: 4191, path, localAddress: pair.server.ip });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    return text;
  }

  const requestCount = async (): Promise<number> => {
    let sum = 0;
    for (const { family, labels, value } of parsePromText(await admin("/metrics"))) {
      if (family === "request_total" && labels.direction === "inbound") sum += value;
    }
    return sum;
  };

  test("shares connections between them, and its metrics, stats and records are the pod's", async () => {
    const before = await requestCount();
    for (let index = 0; index < CONNECTIONS; index++) await get("/spread");
    assert.equal((await requestCount()) - before, CONNECTIONS);

    const lines = (await admin("/records")).trim().split("\n").slice(1);
    const ids = lines
      .map((line) => JSON.parse(line) as { id: number; path: string })
      .filter(({ path }) => path === "/spread")
      .map(({ id }) => id);
    assert.equal(new Set(ids).size, CONNECTIONS);
    assert.ok(ids.some((id) => id < SECOND_WORKER) && ids.some((id) => id >= SECOND_WORKER));

    await until("the second of the last request to be over", async () => {
      const stats = JSON.parse(await admin("/stats?window=60s")) as { http: { requests: number }[] };
      return stats.http.reduce((sum, row) => sum + row.requests, 0) >= CONNECTIONS;
    });
  });

  test("holds as many requests as one proxy may, whichever worker they come to", async () => {
    const answers = Array.from({ length: 12 }, () => get("/hold"));
    const settled = { shed: 0 };
    for (const answer of answers) {
      void answer.then(({ statusCode }) => {
        if (statusCode === 503) settled.shed++;
      });
    }
    await until("three to run and nine to be shed", () => held.length === 3 && settled.shed === 9);
    for (const response of held.splice(0)) response.end();
    const codes = (await Promise.all(answers)).map(({ statusCode }) => statusCode);
    assert.equal(codes.filter((code) => code === 200).length, 3);
  });

  test("taps see the traffic of both", async () => {
    const request = http.get({
      host: pair.server.ip,
      port: 4191,
      path: "/tap?path=/tapped",
      localAddress: pair.server.ip,
    });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const ids = new Set<number>();
    let rest = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const { exchange } = JSON.parse(line) as { exchange?: { id: number } };
        if (exchange) ids.add(exchange.id);
      }
    });
    // Until the workers have heard of the tap, requests pass it by.
    await until("lines of both workers", async () => {
      await get("/tapped");
      const seen = [...ids];
      return seen.some((id) => id < SECOND_WORKER) && seen.some((id) => id >= SECOND_WORKER);
    });
    request.destroy();
  });

  test("its rate limits hold for the pod", async () => {
    const rate = 10;
    const limited = serverPolicy([EVERYBODY]) as unknown as {
      protocol: { kind: { value: { httpLocalRateLimit?: object } } };
    };
    limited.protocol.kind.value.httpLocalRateLimit = {
      metadata: { kind: { case: "default", value: "few" } },
      total: { requestsPerSecond: rate },
    };
    for (const watch of pair.watches) watch.send(limited as never);
    await until("the limit to count", async () => (await get("/few")).statusCode === 429);
    // What passes is bounded by how long it took: whole buckets in each worker would let through twice as much.
    const startedAt = performance.now();
    // No more at once than may be in flight.
    const codes: (number | undefined)[] = [];
    const lane = async () => {
      for (let index = 0; index < 30; index++) codes.push((await get("/few")).statusCode);
    };
    await Promise.all([lane(), lane()]);
    const passed = codes.filter((code) => code === 200).length;
    const boundByTime = ((performance.now() - startedAt) / 1000) * rate + rate;
    assert.ok(passed <= boundByTime, `${passed} of 60 passed, ${boundByTime} may`);
    assert.ok(codes.every((code) => code === 200 || code === 429));
  });

  test("drains its workers, and ends well", async () => {
    assert.equal(await pair.server.stop(), 0);
  });
});
