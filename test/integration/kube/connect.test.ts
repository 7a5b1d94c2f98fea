import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, utimes, writeFile } from "node:fs/promises";
import * as http from "node:http";
import { connect as netConnect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { MeshError } from "../../../src/base/error.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import { createKubeClient } from "../../../src/kube/connect.ts";
import { KubeStatusError } from "../../../src/kube/status-error.ts";
import { type FakeApiServer, sendJson, startFakeApiServer } from "../../support/fake-api-server.ts";

function clientOf(
  api: FakeApiServer,
  extra: { as?: string; asGroups?: string[]; env?: Record<string, string> } = {},
): Promise<KubeClient> {
  return createKubeClient({
    kubeconfig: api.kubeconfig,
    context: undefined,
    as: extra.as,
    asGroups: extra.asGroups ?? [],
    env: { PATH: process.env.PATH, ...extra.env },
  });
}

const status = (code: number, reason: string, message: string) => ({
  apiVersion: "v1",
  kind: "Status",
  status: "Failure",
  code,
  reason,
  message,
});

test("kube client sends query, body, token and impersonation, and reads JSON", async () => {
  let seen: { headers: http.IncomingHttpHeaders; body: string; url: string } | undefined;
  const api = await startFakeApiServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen = { headers: request.headers, body, url: request.url! };
    sendJson(response, 200, { ok: true });
  });
  const client = await clientOf(api, { as: "jane", asGroups: ["dev", "ops"] });
  try {
    assert.equal(client.namespace, "demo");
    assert.equal(client.context, "fake");
    const reply = await client.request("PATCH", "/api/v1/namespaces/demo/pods/a", {
      query: { fieldManager: "x", absent: undefined },
      body: { metadata: {} },
      contentType: "application/merge-patch+json",
    });
    assert.deepEqual(reply, { ok: true });
    assert.equal(seen?.url, "/api/v1/namespaces/demo/pods/a?fieldManager=x");
    assert.equal(seen.body, '{"metadata":{}}');
    assert.equal(seen.headers["content-type"], "application/merge-patch+json");
    assert.equal(seen.headers.authorization, "Bearer secret");
    assert.equal(seen.headers["impersonate-user"], "jane");
    assert.equal(seen.headers["impersonate-group"], "dev, ops");
  } finally {
    client.close();
    await api.close();
  }
});

const FAILURES: readonly [number, string, string][] = [
  [401, "Unauthorized", "KUBE_UNAUTHORIZED"],
  [403, "Forbidden", "KUBE_FORBIDDEN"],
  [404, "NotFound", "KUBE_NOT_FOUND"],
  [409, "Conflict", "KUBE_CONFLICT"],
  [409, "AlreadyExists", "KUBE_ALREADY_EXISTS"],
  [422, "Invalid", "KUBE_INVALID"],
  [500, "InternalError", "KUBE_STATUS"],
];

for (const [code, reason, expected] of FAILURES) {
  test(`kube client turns HTTP ${code} ${reason} into ${expected}`, async () => {
    const api = await startFakeApiServer((_request, response) =>
      sendJson(response, code, status(code, reason, "the server's words")),
    );
    const client = await clientOf(api);
    try {
      await assert.rejects(client.request("GET", "/api/v1/namespaces/demo/pods"), (error) => {
        assert.ok(error instanceof MeshError);
        assert.equal(error.code, expected);
        assert.equal(error.message, "list pods in namespace demo: the server's words");
        assert.ok(error.cause instanceof KubeStatusError);
        assert.equal(error.cause.reason, reason);
        if (code === 403) assert.match(error.hint!, /kubectl auth can-i list pods -n demo$/);
        return true;
      });
    } finally {
      client.close();
      await api.close();
    }
  });
}

test("kube client waits as long as an overloaded server asks, and not for ever", async () => {
  let answers = 0;
  const api = await startFakeApiServer((request, response) => {
    answers++;
    const isBusy = request.url === "/busy" || answers < 3;
    if (isBusy) response.setHeader("retry-after", "0");
    sendJson(
      response,
      isBusy ? 429 : 200,
      isBusy ? status(429, "TooManyRequests", "slow down") : { ok: true },
    );
  });
  const client = await clientOf(api);
  try {
    assert.deepEqual(await client.request("GET", "/version"), { ok: true });
    assert.equal(answers, 3);
    await assert.rejects(client.request("GET", "/busy"), { code: "KUBE_STATUS" });
    assert.equal(answers, 3 + 4);
  } finally {
    client.close();
    await api.close();
  }
});

test("kube client repeats a question but not an order when a kept connection is cut", async () => {
  const seen: string[] = [];
  const api = await startFakeApiServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    // The second request of each connection meets a closing server.
    const socket = request.socket as typeof request.socket & { served?: boolean };
    if (socket.served) return void socket.resetAndDestroy();
    socket.served = true;
    sendJson(response, 200, {});
  });
  const client = await clientOf(api);
  try {
    await client.request("GET", "/first");
    await client.request("GET", "/question");
    await assert.rejects(client.request("POST", "/api/v1/namespaces/demo/pods", { body: {} }), {
      code: "KUBE_UNREACHABLE",
    });
    assert.deepEqual(seen, [
      "GET /first",
      "GET /question",
      "GET /question",
      "POST /api/v1/namespaces/demo/pods",
    ]);
  } finally {
    client.close();
    await api.close();
  }
});

test("kube client names server and context when nothing listens", async () => {
  const api = await startFakeApiServer(() => {});
  const client = await clientOf(api);
  await new Promise((resolve) => api.server.close(resolve));
  await assert.rejects(client.request("GET", "/version"), (error) => {
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "KUBE_UNREACHABLE");
    assert.ok(error.message.includes(`${api.url} (context fake)`), error.message);
    assert.match(error.hint!, /kubectl config get-contexts/);
    return true;
  });
  client.close();
});

test("kube client gives raw answers whatever their status", async () => {
  const api = await startFakeApiServer((_request, response) => {
    response.writeHead(503, { "x-a": "b" });
    response.end("bytes");
  });
  const client = await clientOf(api);
  try {
    const reply = await client.raw("GET", "/api/v1/namespaces/demo/pods/a:4191/proxy/stats");
    assert.equal(reply.status, 503);
    assert.equal(reply.headers["x-a"], "b");
    assert.equal(reply.body.toString(), "bytes");
  } finally {
    client.close();
    await api.close();
  }
});

test("kube client reads a token file again when it has changed", async () => {
  const tokens: (string | undefined)[] = [];
  const api = await startFakeApiServer(
    (request, response) => {
      tokens.push(request.headers.authorization);
      sendJson(response, 200, {});
    },
    { tokenFile: "token" },
  );
  const file = join(api.directory, "token");
  await writeFile(file, "one\n");
  const client = await clientOf(api);
  try {
    await client.request("GET", "/version");
    await writeFile(file, "two\n");
    await utimes(file, new Date(), new Date(Date.UTC(2030, 0, 1)));
    await client.request("GET", "/version");
    assert.deepEqual(tokens, ["Bearer one", "Bearer two"]);
  } finally {
    client.close();
    await api.close();
  }
});

test("kube client runs the credential plugin once, and again after 401", async () => {
  const tokens: (string | undefined)[] = [];
  const api = await startFakeApiServer(
    (request, response) => {
      tokens.push(request.headers.authorization);
      const accepted = request.headers.authorization !== "Bearer plugin-1";
      sendJson(response, accepted ? 200 : 401, accepted ? {} : status(401, "Unauthorized", "no"));
    },
    {
      exec: {
        apiVersion: "client.authentication.k8s.io/v1",
        command: "./plugin",
        env: [{ name: "WHO", value: "plugin" }],
      },
    },
  );
  const plugin = join(api.directory, "plugin");
  const counter = join(api.directory, "count");
  await writeFile(
    plugin,
    `#!/bin/sh\necho x >> ${counter}\nprintf '{"status":{"token":"%s-%s"}}' "$WHO" "$(wc -l < ${counter} | tr -d ' ')"\n`,
  );
  await chmod(plugin, 0o755);
  const client = await clientOf(api);
  try {
    await client.request("GET", "/version");
    await client.request("GET", "/version");
    assert.deepEqual(tokens, ["Bearer plugin-1", "Bearer plugin-2", "Bearer plugin-2"]);
  } finally {
    client.close();
    await api.close();
  }
});

test("kube client says which credential plugin is missing", async () => {
  const api = await startFakeApiServer(() => {}, {
    exec: { command: "meshctl-no-such-plugin", installHint: "install the plugin from the vendor" },
  });
  const client = await clientOf(api);
  try {
    await assert.rejects(client.request("GET", "/version"), {
      code: "KUBE_EXEC_PLUGIN",
      message: "credential plugin meshctl-no-such-plugin: it is not installed",
      hint: "install the plugin from the vendor",
    });
  } finally {
    client.close();
    await api.close();
  }
});

test("kube client lists the contexts when the wanted one is not there", async () => {
  const api = await startFakeApiServer(() => {});
  await assert.rejects(
    createKubeClient({ kubeconfig: api.kubeconfig, context: "other", as: undefined, asGroups: [], env: {} }),
    { code: "KUBE_CONTEXT_UNKNOWN", hint: "choose one with --context: fake" },
  );
  await api.close();
});

test("kube client uses the service account of a pod and its directory from the environment", async () => {
  const api = await startFakeApiServer(() => {});
  await writeFile(join(api.directory, "token"), "pod-token");
  await writeFile(join(api.directory, "namespace"), "meshctl");
  const client = await createKubeClient({
    kubeconfig: undefined,
    context: undefined,
    as: undefined,
    asGroups: [],
    inCluster: true,
    env: {
      KUBERNETES_SERVICE_HOST: "fd00::1",
      KUBERNETES_SERVICE_PORT: "6443",
      KUBERNETES_SERVICE_ACCOUNT_DIR: api.directory,
      HOME: api.directory,
    },
  });
  assert.equal(client.server, "https://[fd00::1]:6443");
  assert.equal(client.namespace, "meshctl");
  client.close();
  await api.close();
});

/** The far side of a port-forward: v4.channel.k8s.io in front of a TCP server, as an API server does it. */
function serveForward(api: FakeApiServer, targetPort: number, errorText?: string): void {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "v4.channel.k8s.io" });
  api.server.on("upgrade", (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const port = Number(new URL(request.url!, api.url).searchParams.get("ports"));
      for (const channel of [0, 1]) webSocket.send(Buffer.from([channel, port & 255, port >> 8]));
      if (errorText !== undefined) {
        webSocket.send(Buffer.concat([Buffer.from([1]), Buffer.from(errorText)]));
        return;
      }
      const target = netConnect(targetPort, "127.0.0.1");
      target.on("data", (data: Buffer) => webSocket.send(Buffer.concat([Buffer.from([0]), data])));
      target.on("close", () => webSocket.close());
      webSocket.on("message", (data: Buffer) => target.write(data.subarray(1)));
      webSocket.on("close", () => target.destroy());
    });
  });
}

test("port-forward carries an HTTP request over its own connection", async () => {
  const target = http.createServer((request, response) => response.end(`you asked ${request.url}`));
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  const api = await startFakeApiServer(() => {});
  serveForward(api, (target.address() as { port: number }).port);
  const client = await clientOf(api);
  try {
    const stream = await client.portForward("demo", "web-1", 4191);
    const body = await new Promise<string>((resolve, reject) => {
      const request = http.request(
        { path: "/stats", createConnection: () => stream as never, headers: { host: "x" } },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => (text += part));
          response.once("end", () => resolve(text));
        },
      );
      request.once("error", reject);
      request.end();
    });
    assert.equal(body, "you asked /stats");
    stream.destroy();
  } finally {
    client.close();
    await api.close();
    await new Promise((resolve) => target.close(resolve));
  }
});

// Under the 30 s for which a WebSocket waits for the other side's close.
test("port-forward closes at once although nobody reads what came", { timeout: 20_000 }, async () => {
  const api = await startFakeApiServer(() => {});
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "v4.channel.k8s.io" });
  const closed = Promise.withResolvers<void>();
  api.server.on("upgrade", (request, socket, head) => {
    socket.once("close", closed.resolve);
    sockets.handleUpgrade(request, socket, head, (webSocket) => webSocket.send(Buffer.alloc(1024 * 1024)));
  });
  const client = await clientOf(api);
  try {
    const stream = await client.portForward("demo", "web-1", 4191);
    // More than the stream holds: it has asked for a pause.
    await once(stream, "readable");
    stream.destroy();
    await closed.promise;
  } finally {
    client.close();
    await api.close();
  }
});

test("port-forward fails with the words of the error channel", async () => {
  const api = await startFakeApiServer(() => {});
  serveForward(api, 0, "connection refused");
  const client = await clientOf(api);
  try {
    const stream = await client.portForward("demo", "web-1", 4191);
    const error = await new Promise((resolve) => stream.once("error", resolve));
    assert.ok(error instanceof MeshError);
    assert.equal(error.message, "port-forward to demo/web-1:4191: connection refused");
  } finally {
    client.close();
    await api.close();
  }
});

test("port-forward is refused with the Status of the server", async () => {
  const api = await startFakeApiServer(() => {});
  api.server.on("upgrade", (_request, socket) => {
    const body = JSON.stringify(status(403, "Forbidden", "pods web-1 is forbidden"));
    socket.end(
      `HTTP/1.1 403 Forbidden\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
  const client = await clientOf(api);
  try {
    // As Kubernetes 1.36 answers a user who may `get` but not `create`: without a verb.
    await assert.rejects(client.portForward("demo", "web-1", 4191), {
      code: "KUBE_FORBIDDEN",
      hint: "ask for the permission; this shows whether you have it: kubectl auth can-i create pods/web-1 --subresource=portforward -n demo",
    });
  } finally {
    client.close();
    await api.close();
  }
});
