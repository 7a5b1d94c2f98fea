import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { KubeConfig, PortForward } from "@kubernetes/client-node";
import { MeshError } from "../../../src/base/error.ts";
import type { PodBackend } from "../../../src/local/object-api.ts";
import { pod, startServer, type TestServer } from "./support.ts";

interface Call {
  readonly port: number;
  readonly mode: string;
}

/** A kubelet whose every pod is one local port. */
function backendTo(port: () => number, calls: Call[] = []): PodBackend {
  return {
    logs(namespace, name, container, options) {
      if (options.previous) {
        throw new MeshError({
          kind: "environment",
          code: "KUBE_NOT_FOUND",
          message: "previous terminated container not found",
        });
      }
      return Readable.from([
        Buffer.from(`${namespace}/${name}/${container} tail=${options.tailLines} `),
        Buffer.from("end\n"),
      ]);
    },
    async connect(_namespace, _pod, wanted, mode): Promise<Socket> {
      calls.push({ port: wanted, mode });
      const socket = connect(port(), "127.0.0.1");
      await once(socket, "connect");
      return socket;
    },
  };
}

async function listen(t: TestContext, server: import("node:net").Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function withPod(t: TestContext, backend: PodBackend): Promise<TestServer> {
  const server = await startServer(t, { podBackend: backend });
  await server.request("POST", "/api/v1/namespaces/demo/pods", pod("p"));
  return server;
}

const POD = "/api/v1/namespaces/demo/pods/p";

test("pods/log streams the container's lines, and errors before them are a Status", async (t) => {
  const server = await withPod(
    t,
    backendTo(() => 0),
  );
  assert.equal((await server.request("GET", `${POD}/log?tailLines=5`)).body, "demo/p/main tail=5 end\n");
  assert.equal((await server.request("GET", `${POD}/log?container=nope`)).status, 400);
  assert.equal((await server.request("GET", `${POD}/log?previous=true`)).status, 404);
});

test("pods/proxy passes method, path, query, headers and bodies, without the caller's credentials", async (t) => {
  const application = createHttpServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString("utf8");
    });
    request.on("end", () => {
      response.writeHead(418, { "content-type": "application/json", "x-app": "yes" });
      const { authorization, "x-mine": mine } = request.headers;
      response.end(JSON.stringify({ method: request.method, url: request.url, body, authorization, mine }));
    });
  });
  const port = await listen(t, application);
  const calls: Call[] = [];
  const server = await withPod(
    t,
    backendTo(() => port, calls),
  );
  const path = "/api/v1/namespaces/demo/pods/p:4191/proxy/a%2Fb/../c?x=1&y=%20";
  const reply = await server.request("PUT", path, "hello", { "x-mine": "1" });
  assert.equal(reply.status, 418);
  assert.equal(reply.headers["x-app"], "yes");
  assert.deepEqual(reply.body, { method: "PUT", url: "/a%2Fb/../c?x=1&y=%20", body: "hello", mine: "1" });
  await server.request("GET", "/api/v1/namespaces/demo/pods/p:http/proxy/");
  await server.request("GET", "/api/v1/namespaces/demo/pods/p/proxy");
  assert.deepEqual(
    calls,
    [4191, 8080, 8080].map((each) => ({ port: each, mode: "proxy" })),
  );
});

test("pods/proxy to a port where nobody listens is 503", async (t) => {
  const server = await withPod(t, {
    logs: () => Readable.from([]),
    connect: () => Promise.reject(new Error("connect ECONNREFUSED 127.1.2.3:81")),
  });
  const reply = await server.request("GET", "/api/v1/namespaces/demo/pods/p:81/proxy/");
  assert.equal(reply.status, 503);
  assert.match(reply.body.message, /ECONNREFUSED/);
});

async function forward(
  server: TestServer,
  port: number,
): Promise<{ input: PassThrough; output: PassThrough; close(): void }> {
  const config = new KubeConfig();
  config.loadFromFile(server.kubeconfigPath);
  const input = new PassThrough();
  const output = new PassThrough();
  const socket = await new PortForward(config).portForward("demo", "p", [port], output, null, input);
  return { input, output, close: () => (socket as { close(): void }).close() };
}

test("port-forward of client-node carries bytes both ways, from the pod's own address", async (t) => {
  const echo = createServer((socket) => socket.pipe(socket));
  const port = await listen(t, echo);
  const calls: Call[] = [];
  const server = await withPod(
    t,
    backendTo(() => port, calls),
  );
  const { input, output, close } = await forward(server, 4191);
  const big = Buffer.alloc(300_000, "abcdefghij");
  input.write(big);
  let received = 0;
  for await (const chunk of output as AsyncIterable<Buffer>) {
    received += chunk.length;
    if (received >= big.length) break;
  }
  assert.equal(received, big.length);
  assert.deepEqual(calls, [{ port: 4191, mode: "portforward" }]);
  close();
});

test("port-forward in kubectl's protocol, exec and attach are refused with where to go instead", async (t) => {
  const server = await withPod(
    t,
    backendTo(() => 0),
  );
  await server.request(
    "PATCH",
    `${POD}/status`,
    { status: { podIP: "127.5.1.1" } },
    { "content-type": "application/merge-patch+json" },
  );
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "sec-websocket-protocol": "SPDY/3.1+portforward.k8s.io",
  };
  const refused = await server.request("GET", `${POD}/portforward?ports=80`, undefined, upgrade);
  assert.equal(refused.status, 400);
  assert.match(refused.body.message, /dial the pod itself: 127\.5\.1\.1:80/);
  assert.match(
    (await server.request("POST", `${POD}/exec?command=ls`, undefined, upgrade)).body.message,
    /exec is not supported/,
  );
});
