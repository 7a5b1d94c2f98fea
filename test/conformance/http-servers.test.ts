/** Files by nginx and Python, answers of HAProxy: asked by curl through two proxies, in HTTP/1.0, 1.1 and 2. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { curl, sha256 } from "./support/curl.ts";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";
import { findProgram, lacking } from "./support/programs.ts";
import { type StartedServer, startHaproxy, startNginx, startServer } from "./support/servers.ts";
import { type Address, talk } from "./support/sockets.ts";

const BIG = randomBytes(20 * 1024 * 1024);
const SMALL = "a small file\n";

interface Server {
  readonly name: string;
  readonly needs: readonly string[];
  start(address: Address, files: string): Promise<StartedServer>;
  /** curl's flag for the version that the server speaks besides HTTP/1.1. */
  readonly versions: readonly ("1.0" | "1.1" | "2")[];
  readonly hasFiles: boolean;
  readonly hasRanges: boolean;
}

const SERVERS: readonly Server[] = [
  {
    name: "nginx",
    needs: ["nginx"],
    start: ({ host, port }, files) =>
      startNginx({ host, port }, `server { listen ${host}:${port}; root ${files}; etag on; }`),
    versions: ["1.0", "1.1"],
    hasFiles: true,
    hasRanges: true,
  },
  {
    name: "nginx, HTTP/2",
    needs: ["nginx"],
    start: ({ host, port }, files) =>
      startNginx({ host, port }, `server { listen ${host}:${port} http2; root ${files}; }`),
    versions: ["2"],
    hasFiles: true,
    hasRanges: true,
  },
  {
    name: "Python's http.server",
    needs: ["python3"],
    start: ({ host, port }, files) =>
      startServer(
        findProgram("python3")!,
        ["-m", "http.server", "--bind", host, "--directory", files, String(port)],
        { host, port },
      ),
    versions: ["1.0", "1.1"],
    hasFiles: true,
    hasRanges: false,
  },
  {
    name: "Python's http.server, HTTP/1.1",
    needs: ["python3"],
    start: ({ host, port }, files) =>
      startServer(
        findProgram("python3")!,
        ["-m", "http.server", "--protocol", "HTTP/1.1", "--bind", host, "--directory", files, String(port)],
        { host, port },
      ),
    versions: ["1.0", "1.1"],
    hasFiles: true,
    hasRanges: false,
  },
  {
    name: "HAProxy",
    needs: ["haproxy"],
    start: (address) => startHaproxy(address, haproxy(address, "")),
    versions: ["1.0", "1.1"],
    hasFiles: false,
    hasRanges: false,
  },
  {
    name: "HAProxy, HTTP/2",
    needs: ["haproxy"],
    start: (address) => startHaproxy(address, haproxy(address, "proto h2")),
    versions: ["2"],
    hasFiles: false,
    hasRanges: false,
  },
];

const haproxy = ({ host, port }: Address, options: string) => `
frontend app
  bind ${host}:${port} ${options}
  http-request return status 200 content-type text/plain lf-string "a small file\\n" if { path /small.txt }
  http-request return status 404
`;

/** For what a server does not do by its nature: no test, and nothing skipped. */
const none = (_name: string, _claim: () => Promise<void>): void => {};

const FLAGS = { "1.0": "-0", "1.1": "--http1.1", "2": "--http2-prior-knowledge" } as const;

describe("servers of others", { skip: PAIR_MISSING || lacking("curl") }, () => {
  let pair: MeshPair;
  let files: string;

  before(async () => {
    pair = await startMeshPair();
    files = await mkdtemp(join(tmpdir(), "meshctl-files-"));
    await writeFile(join(files, "small.txt"), SMALL);
    await writeFile(join(files, "big.bin"), BIG);
  });
  after(async () => {
    await pair?.stop();
    await rm(files, { recursive: true, force: true });
  });

  for (const { name, needs, start, versions, hasFiles, hasRanges } of SERVERS) {
    describe(name, { skip: lacking(...needs) }, () => {
      let server: StartedServer;
      let url: string;

      before(async () => {
        server = await start({ host: pair.server.appHost, port: pair.appPort }, files);
        url = `http://${pair.entrance.host}:${pair.entrance.port}`;
      });
      after(() => server?.stop());

      for (const version of versions) {
        test(`GET, HEAD and a page that is not there, HTTP/${version}`, async () => {
          const flag = FLAGS[version];
          const got = await curl(`${url}/small.txt`, flag);
          assert.deepEqual([got.status, got.version, got.body.toString()], [200, version, SMALL]);
          const head = await curl(`${url}/small.txt`, flag, "-I");
          assert.deepEqual([head.status, head.body.length], [200, 0]);
          assert.match(head.head, /^content-length: 13\r$/im);
          assert.equal((await curl(`${url}/nothing`, flag)).status, 404);
        });

        if (!hasFiles) continue;
        test(`20 MB arrive as they are, HTTP/${version}`, async () => {
          const got = await curl(`${url}/big.bin`, FLAGS[version]);
          assert.deepEqual([got.status, sha256(got.body)], [200, sha256(BIG)]);
        });
      }

      const withFiles = hasFiles ? test : none;
      withFiles("a file that has not changed is a 304 without body", async () => {
        const flag = FLAGS[versions.at(-1)!];
        const { head } = await curl(`${url}/small.txt`, flag);
        const [, modified] = /^last-modified: (.*)\r$/im.exec(head)!;
        const again = await curl(`${url}/small.txt`, flag, "-H", `If-Modified-Since: ${modified}`);
        assert.deepEqual([again.status, again.body.length], [304, 0]);
      });

      const withRanges = hasRanges ? test : none;
      withRanges("a range is a 206 with those bytes", async () => {
        const got = await curl(`${url}/big.bin`, FLAGS[versions.at(-1)!], "-r", "1000000-1999999");
        assert.deepEqual([got.status, sha256(got.body)], [206, sha256(BIG.subarray(1_000_000, 2_000_000))]);
      });

      const withPipelines = versions.includes("1.1") ? test : none;
      withPipelines("pipelined requests are answered in order on one connection", async () => {
        const text = ["/small.txt", "/nothing", "/small.txt"]
          .map((path, index) => {
            const close = index === 2 ? "Connection: close\r\n" : "";
            return `GET ${path} HTTP/1.1\r\nHost: web\r\n${close}\r\n`;
          })
          .join("");
        const answer = await talk(pair.entrance, text);
        const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);
        assert.deepEqual(statuses, ["200", "404", "200"], answer);
      });
    });
  }
});
