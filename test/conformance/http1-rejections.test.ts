/**
 * Requests that two readers may understand differently, sent to our proxies, nginx and HAProxy. What one passes and another refuses
 * needs a reason in the table (test/support/http1-vectors.ts).
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { freePort } from "../support/free-port.ts";
import { HTTP1_VECTORS, type Http1Vector } from "../support/http1-vectors.ts";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";
import { findProgram } from "./support/programs.ts";
import { type StartedServer, startHaproxy, startNginx } from "./support/servers.ts";
import { type Address, talk } from "./support/sockets.ts";

/** Sent behind each vector: who does not see a request here has taken it for something else. Ends the connection. */
const MARKER = "GET /marker HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

interface Verdict {
  /** No request of the vector's reached the application. */
  readonly isRefused: boolean;
  /** Statuses in order, and what the application got besides the marker. */
  readonly text: string;
}

describe("the HTTP/1 rejection table", { skip: PAIR_MISSING }, () => {
  let pair: MeshPair;
  const others: { name: string; server: StartedServer; address: Address }[] = [];
  const verdicts = new Map<string, Map<Http1Vector, Verdict>>();
  let seen: string[] = [];
  const app = createServer((request, response) => {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on("end", () => {
      if (request.url !== "/marker") seen.push(`${request.method} ${request.url} ${bytes}`);
      response.end("ok");
    });
  });

  app.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // A connection that breaks is no request.
    if (!error.code?.startsWith("HPE_")) return socket.destroy();
    seen.push("which the application refuses");
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });

  const judge = async (address: Address, { input, rest }: Http1Vector): Promise<Verdict> => {
    seen = [];
    const end = rest ?? (input.endsWith("\r\n\r\n") || /\r\n\r\n/.test(input) ? "" : "\r\n");
    const answer = await talk(address, input + end + MARKER);
    const statuses = [...answer.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => status);
    const isRefused = seen.length === 0;
    return { isRefused, text: [statuses.join(" ") || "closed", ...seen].join(", ") };
  };

  before(async () => {
    // The port speaks HTTP/1 by its policy: where the protocol is detected, what does not begin like HTTP passes unread.
    pair = await startMeshPair({ protocol: "http1" });
    await new Promise<void>((resolve) => app.listen(pair.appPort, pair.server.appHost, resolve));
    const target = `${pair.server.appHost}:${pair.appPort}`;
    // A reader that waits for more than there is answers 408 after a second.
    if (findProgram("nginx")) {
      const address = { host: "127.0.0.1", port: await freePort() };
      const server = await startNginx(
        address,
        `client_header_timeout 1s; client_body_timeout 1s;
         server {
           listen ${address.host}:${address.port};
           location / { proxy_pass http://${target}; proxy_http_version 1.1; proxy_request_buffering off; }
         }`,
      );
      others.push({ name: "nginx", server, address });
    }
    if (findProgram("haproxy")) {
      const address = { host: "127.0.0.1", port: await freePort() };
      const server = await startHaproxy(
        address,
        `  timeout http-request 1s
  timeout client 1s
listen table
  bind ${address.host}:${address.port}
  server app ${target}`,
      );
      others.push({ name: "HAProxy", server, address });
    }
    const places = [
      { name: "inbound", address: { host: pair.server.podHost, port: pair.port } },
      { name: "outbound", address: pair.entrance },
      ...others,
    ];
    for (const { name, address } of places) {
      const judged = new Map<Http1Vector, Verdict>();
      for (const vector of HTTP1_VECTORS) judged.set(vector, await judge(address, vector));
      verdicts.set(name, judged);
    }
  });
  after(async () => {
    await pair?.stop();
    for (const { server } of others) await server.stop();
    app.closeAllConnections();
    app.close();
  });

  const ours = (vector: Http1Vector) => verdicts.get("inbound")!.get(vector)!;

  test("our proxies refuse with 400 or 501 what the decoder refuses, close, and pass the rest as one request", () => {
    const wrong = HTTP1_VECTORS.flatMap((vector) =>
      ["inbound", "outbound"].flatMap((side) => {
        const { text, isRefused } = verdicts.get(side)!.get(vector)!;
        const isRight =
          vector.code === undefined
            ? !isRefused && /^(200|200 200|400 200), [^,]+$/.test(text)
            : isRefused && /^(400|501|505)$/.test(text);
        return isRight ? [] : [`${side}: ${vector.name}: ${text}`];
      }),
    );
    assert.deepEqual(wrong, []);
  });

  test("where nginx or HAProxy judge otherwise the table has a reason", (t) => {
    if (others.length === 0) return t.skip("this machine has neither nginx nor haproxy");
    const unexplained: string[] = [];
    const lines: string[] = [];
    for (const vector of HTTP1_VECTORS) {
      const cells = others.map(({ name }) => verdicts.get(name)!.get(vector)!);
      const differs = cells.some(({ isRefused }) => isRefused !== ours(vector).isRefused);
      const row = [
        vector.name,
        ours(vector).text,
        ...cells.map(({ text }) => text),
        differs ? (vector.reason ?? "?") : "",
      ];
      lines.push(`| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
      if (differs && vector.reason === undefined) unexplained.push(row.join(" / "));
    }
    const head = `| request | meshctl | ${others.map(({ name }) => name).join(" | ")} | why it differs |`;
    t.diagnostic(`\n${head}\n|${" --- |".repeat(others.length + 3)}\n${lines.join("\n")}`);
    assert.deepEqual(unexplained, []);
  });
});
