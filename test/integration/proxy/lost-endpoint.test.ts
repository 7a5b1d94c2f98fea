import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { RetryPolicy } from "../../../src/policy/outbound.ts";
import { createMesh, endpoint, HOST, type Mesh, rule, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

const REQUESTS = 20;
const RETRY: RetryPolicy = {
  maxRetries: 1,
  maxRequestBytes: 65_536,
  statuses: [[502, 504]],
  grpcCodes: new Set(),
  timeoutMs: undefined,
  backoff: { minMs: 1, maxMs: 2, jitterRatio: 0 },
};

async function listenApp(
  t: TestContext,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
  const server = createServer(onRequest);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as { port: number }).port;
}

/** A meshed pod that takes requests and answers none; they share one HTTP/2 connection. Another server answers everything. */
async function meshWithHeldRequests(t: TestContext, method: string, retry?: RetryPolicy) {
  const held = Promise.withResolvers<void>();
  let heldCount = 0;
  const appPort = await listenApp(t, (request) => {
    request.on("end", () => {
      if (++heldCount === REQUESTS) held.resolve();
    });
    request.resume();
  });
  const other = endpoint(
    await listenApp(t, (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => response.end(`other got ${body || "nothing"}.`));
    }),
  );
  const rules = [rule(`${SERVICE}:80`, { retry })];
  const mesh = await createMesh(t, {
    appPort,
    protocolHint: "h2",
    outboundPolicy: { httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules }] },
  });
  const clients = Array.from({ length: REQUESTS }, (_, index) => {
    const client = dialRaw(t, mesh.servicePort);
    const body = method === "GET" ? "" : `body ${index}`;
    client.write(
      `${method} /${index} HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    return client;
  });
  await held.promise;
  // The one that lives joins; the one that dies is the same as before.
  mesh.endpoints.set({
    known: true,
    exists: true,
    endpoints: new Map([...mesh.endpoints.current.endpoints, [other.address, other]]),
  });
  return { mesh, clients };
}

/** As if the pod were killed: its connections break, and nothing listens there any more. */
function kill(mesh: Mesh): void {
  mesh.inbound.close();
}

test("a pod that is killed fails none of the idempotent requests on it where the route has retries", async (t) => {
  const { mesh, clients } = await meshWithHeldRequests(t, "GET", RETRY);
  kill(mesh);
  for (const client of clients) assert.match(await client.until("got nothing."), /^HTTP\/1\.1 200 /);
  assert.deepEqual(mesh.client.violations, []);
});

test("requests that may have been carried out are not sent again without retries: they are 502", async (t) => {
  const { mesh, clients } = await meshWithHeldRequests(t, "POST");
  kill(mesh);
  for (const client of clients) assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 502 /);
});

test("with retries that include their method they are sent again, bodies and all", async (t) => {
  const { mesh, clients } = await meshWithHeldRequests(t, "POST", { ...RETRY, repeatsAnyMethod: true });
  kill(mesh);
  for (const [index, client] of clients.entries()) {
    assert.match(await client.until(`got body ${index}.`), /^HTTP\/1\.1 200 /);
  }
  const records = await mesh.client.closedCount(REQUESTS);
  assert.ok(records.every(({ attempts, retryOutcome }) => attempts === 2 && retryOutcome === "success"));
});
