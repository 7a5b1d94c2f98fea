/** curl, and nginx and HAProxy as its proxies, as clients of a Go server behind two proxies: what is sent up. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort } from "../support/free-port.ts";
import { runProcess } from "../support/run-process.ts";
import { curl, sha256 } from "./support/curl.ts";
import { goTool } from "./support/go-tools.ts";
import { type MeshPair, PAIR_MISSING, SERVICE, startMeshPair } from "./support/mesh-pair.ts";
import { lacking } from "./support/programs.ts";
import { type StartedServer, startHaproxy, startNginx, startServer } from "./support/servers.ts";
import type { Address } from "./support/sockets.ts";

const APPS = await goTool("apps");
const BIG = randomBytes(20 * 1024 * 1024);

const BARE_STATUS = "HAProxy, HTTP/2 to the mesh";

/** Something that curl asks, and that asks the mesh. */
interface Client {
  readonly name: string;
  readonly needs: readonly string[];
  /** How curl asks it, beside HTTP/1.1. */
  readonly flags: readonly string[];
  /** @returns where curl finds it; absent: curl asks the mesh itself */
  start?(own: Address, mesh: Address): Promise<StartedServer>;
  /** nginx takes a request whole, and with its length, before it passes it on. */
  readonly passesTrailers: boolean;
}

const CLIENTS: readonly Client[] = [
  { name: "curl, HTTP/1.1", needs: [], flags: ["--http1.1"], passesTrailers: true },
  { name: "curl, HTTP/2", needs: [], flags: ["--http2-prior-knowledge"], passesTrailers: true },
  {
    name: "nginx with connections that it keeps",
    needs: ["nginx"],
    flags: ["--http1.1"],
    start: (own, mesh) =>
      startNginx(
        own,
        `upstream mesh { server ${mesh.host}:${mesh.port}; keepalive 4; }
         server {
           listen ${own.host}:${own.port};
           location / { proxy_pass http://mesh; proxy_http_version 1.1; proxy_set_header Connection ""; }
         }`,
      ),
    passesTrailers: false,
  },
  {
    name: "nginx, a connection a request, HTTP/1.0, unbuffered",
    needs: ["nginx"],
    flags: ["--http1.1"],
    start: (own, mesh) =>
      startNginx(
        own,
        `server {
           listen ${own.host}:${own.port};
           location / { proxy_pass http://${mesh.host}:${mesh.port}; proxy_buffering off; proxy_request_buffering off; }
         }`,
      ),
    passesTrailers: false,
  },
  {
    name: "HAProxy, HTTP/1.1",
    needs: ["haproxy"],
    flags: ["--http1.1"],
    start: (own, mesh) => startHaproxy(own, haproxy(own, mesh, "")),
    passesTrailers: true,
  },
  {
    name: BARE_STATUS,
    needs: ["haproxy"],
    flags: ["--http1.1"],
    start: (own, mesh) => startHaproxy(own, haproxy(own, mesh, "proto h2")),
    passesTrailers: true,
  },
];

const haproxy = (own: Address, mesh: Address, options: string) => `
listen mesh
  bind ${own.host}:${own.port}
  server mesh ${mesh.host}:${mesh.port} ${options}
`;

describe("clients of others", { skip: PAIR_MISSING || APPS.missing || lacking("curl") }, () => {
  let pair: MeshPair;
  let app: StartedServer;
  const file = join(tmpdir(), `meshctl-upload-${process.pid}`);

  before(async () => {
    await writeFile(file, BIG);
    pair = await startMeshPair();
    const address = { host: pair.server.appHost, port: pair.appPort };
    app = await startServer(APPS.path, ["server", `${address.host}:${address.port}`], address);
  });
  after(async () => {
    await app?.stop();
    await pair?.stop();
    await rm(file, { force: true });
  });

  for (const { name, needs, flags, start, passesTrailers } of CLIENTS) {
    describe(name, { skip: lacking(...needs) }, () => {
      let client: StartedServer | undefined;
      let url: string;

      before(async () => {
        const own = { host: "127.0.0.1", port: await freePort() };
        client = await start?.(own, pair.entrance);
        const { host, port } = client ? own : pair.entrance;
        url = `http://${host}:${port}`;
      });
      after(() => client?.stop());

      test("50 requests in a row", async () => {
        for (let index = 0; index < 50; index++) {
          const got = await curl(`${url}/hello?${index}`, ...flags);
          assert.deepEqual([got.status, got.body.toString()], [200, "hello from net/http\n"]);
        }
      });

      // curl waits for 100-continue before it sends a body of this size.
      for (const [how, options] of [
        ["with its length", []],
        ["in chunks", ["-H", "Transfer-Encoding: chunked"]],
      ] as const) {
        const isHttp2 = flags[0] !== "--http1.1";
        // HTTP/2 has no chunks.
        if (isHttp2 && how === "in chunks") continue;
        test(`20 MB up ${how}`, async () => {
          const got = await curl(`${url}/digest`, ...flags, "-T", file, ...options);
          assert.deepEqual([got.status, got.body.toString()], [200, `${BIG.length}\n`]);
          if (passesTrailers) assert.match(got.head, new RegExp(`^x-digest: ${sha256(BIG)}\r?$`, "im"));
        });
      }

      test("10,000 requests on many connections and streams at once", {
        skip:
          name === BARE_STATUS
            ? "HAProxy leaves out the reason phrase, without which h2load reads no status"
            : lacking("h2load"),
      }, async () => {
        const load = flags[0] === "--http1.1" ? ["--h1", "-c", "20"] : ["-c", "8", "-m", "16"];
        const { stdout } = await runProcess("h2load", ["-n", "10000", ...load, `${url}/hello`]);
        assert.match(stdout, /10000 succeeded, 0 failed, 0 errored, 0 timeout/);
        assert.match(stdout, /status codes: 10000 2xx, 0 3xx, 0 4xx, 0 5xx/);
      });

      test("20 MB down without a length", async () => {
        const direct = `http://${pair.server.appHost}:${pair.appPort}`;
        const path = `/bytes?n=${BIG.length}&chunked=1`;
        const [there, here] = [await curl(`${direct}${path}`), await curl(`${url}${path}`, ...flags)];
        assert.deepEqual([here.status, sha256(here.body)], [200, sha256(there.body)]);
      });
    });
  }

  test("the application learnt who asked", async () => {
    const { head } = await curl(`http://${pair.entrance.host}:${pair.entrance.port}/hello`);
    assert.match(head, /^x-client-id: client\.demo\.serviceaccount\.identity\./im);
  });

  test("curl by the HTTP proxy port: absolute targets, and a CONNECT tunnel in which HTTP goes on", async () => {
    const { host, port } = pair.httpProxy;
    const by = ["-x", `http://${host}:${port}`, "--noproxy", ""];
    const url = `http://${SERVICE}:${pair.port}`;
    assert.equal((await curl(`${url}/hello`, ...by)).body.toString(), "hello from net/http\n");
    const tunnel = await curl(`${url}/digest`, ...by, "-p", "-T", file);
    assert.match(tunnel.head, /^HTTP\/1\.1 200 [^\r]*\r\n\r\nHTTP\/1\.1 /);
    assert.match(tunnel.head, new RegExp(`^x-digest: ${sha256(BIG)}\r?$`, "im"));
  });

  test("an early hint comes before the answer", async () => {
    const { head, body } = await curl(`http://${pair.entrance.host}:${pair.entrance.port}/early-hints`);
    assert.match(head, /^HTTP\/1\.1 103 [^\r]*\r\nLink: <\/style\.css>; rel=preload\r\n/i);
    assert.match(head, /^HTTP\/1\.1 200 /m);
    assert.equal(body.toString(), "after the hint");
  });

  test("an answer that breaks off is no whole answer to curl", async () => {
    const url = `http://${pair.entrance.host}:${pair.entrance.port}/die`;
    await assert.rejects(curl(url), /curl: \(18\)/);
    await assert.rejects(curl(url, "--http2-prior-knowledge"), /curl: \(92\)/);
  });
});
