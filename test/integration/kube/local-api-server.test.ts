import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { systemClock } from "../../../src/base/clock.ts";
import { MeshError } from "../../../src/base/error.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { generateIssuer } from "../../../src/install/credentials.ts";
import { ApiSource } from "../../../src/kube/api-source.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import { createKubeClient } from "../../../src/kube/connect.ts";
import { Store } from "../../../src/kube/store.ts";
import { FakeClock } from "../../support/clock.ts";
import { CONFIG_MAPS, startServer, type TestServer } from "../apiserver/support.ts";

const clientOf = (kubeconfig: string, clock = systemClock): Promise<KubeClient> =>
  createKubeClient({ kubeconfig, context: undefined, as: undefined, asGroups: [], env: {}, clock });

/** A copy of the server's kubeconfig with something changed. */
async function changedConfig(
  server: TestServer,
  change: (cluster: Record<string, unknown>, user: Record<string, unknown>) => void,
): Promise<string> {
  const config = parse(await readFile(server.kubeconfigPath, "utf8"));
  change(config.clusters[0].cluster, config.users[0].user);
  const file = join(server.dir, "changed-kubeconfig");
  await writeFile(file, stringify(config));
  return file;
}

test("kube client names the wrong CA when the cluster was created anew", async (t) => {
  const server = await startServer(t);
  const other = await generateIssuer("other", Date.now());
  const file = await changedConfig(server, (cluster) => {
    cluster["certificate-authority-data"] = Buffer.from(other.certificatePem).toString("base64");
  });
  const client = await clientOf(file);
  await assert.rejects(client.request("GET", "/version"), (error) => {
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "KUBE_WRONG_CA");
    assert.ok(error.message.includes(client.server), error.message);
    return true;
  });
  client.close();
});

test("kube client says that its certificate has expired when the server refuses it", async (t) => {
  const server = await startServer(t);
  // Refused as nobody, by a server that does not see the reason; the reason is in our own certificate and the clock.
  const file = await changedConfig(server, (_cluster, user) => {
    user.token = "not-a-token";
  });
  const clock = new FakeClock(Date.now() + 20 * 365 * 86_400_000);
  const client = await clientOf(file, clock);
  await assert.rejects(client.request("GET", "/api/v1/nodes"), (error) => {
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "KUBE_CLIENT_CERT_EXPIRED", error.message);
    return true;
  });
  client.close();
});

test("kube client impersonates, and names the permission that is missing", async (t) => {
  const server = await startServer(t);
  const client = await createKubeClient({
    kubeconfig: server.kubeconfigPath,
    context: undefined,
    as: "jane",
    asGroups: [],
    env: {},
  });
  await assert.rejects(client.request("GET", "/api/v1/namespaces/demo/secrets"), {
    code: "KUBE_FORBIDDEN",
    hint: "ask for the permission; this shows whether you have it: kubectl auth can-i list secrets -n demo --as jane",
  });
  client.close();
});

test("source and store follow the API server's objects", async (t) => {
  const server = await startServer(t);
  const client = await clientOf(server.kubeconfigPath);
  const create = (name: string) =>
    client.request("POST", "/api/v1/namespaces/demo/configmaps", {
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name } },
    });
  await create("first");
  const told: string[] = [];
  let wake = (): void => {};
  const tell = (what: string): void => {
    told.push(what);
    wake();
  };
  const store = new Store({
    apply: (object) => tell(`apply ${object.kind} ${object.metadata.name}`),
    delete: (object) => tell(`delete ${object.metadata.name}`),
  });
  const stopping = new AbortController();
  const source = new ApiSource({
    client,
    clock: systemClock,
    random: () => 0,
    log: silentLogger,
    namespace: "demo",
  });
  const running = source.run(CONFIG_MAPS, (event) => store.handle(event), stopping.signal);
  const until = async (what: string): Promise<void> => {
    while (!told.includes(what)) await new Promise<void>((resolve) => (wake = resolve));
  };
  await store.ready;
  await until("apply ConfigMap first");
  await create("second");
  await until("apply ConfigMap second");
  await client.request("DELETE", "/api/v1/namespaces/demo/configmaps/first");
  await until("delete first");
  assert.ok(store.get("demo", "second"));
  assert.equal(store.get("demo", "first"), undefined);
  stopping.abort();
  await running;
  client.close();
});

test("port-forward reaches a pod through the API server", async (t) => {
  const target = createServer((request, response) => response.end(`pod says ${request.url}`));
  target.listen(0, "127.0.0.1");
  await once(target, "listening");
  t.after(() => target.close());
  const server = await startServer(t, {
    podBackend: {
      logs() {
        throw new Error("not asked for");
      },
      async connect() {
        const socket = connect((target.address() as AddressInfo).port, "127.0.0.1");
        await once(socket, "connect");
        return socket;
      },
    },
  });
  const client = await clientOf(server.kubeconfigPath);
  await client.request("POST", "/api/v1/namespaces/demo/pods", {
    body: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web-1" },
      spec: { containers: [{ name: "app", image: "app" }] },
    },
  });
  await client.request("PATCH", "/api/v1/namespaces/demo/pods/web-1/status", {
    contentType: "application/merge-patch+json",
    body: { status: { phase: "Running" } },
  });
  const stream = await client.portForward("demo", "web-1", 4191);
  stream.write("GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  let answer = "";
  for await (const chunk of stream as AsyncIterable<Buffer>) answer += chunk.toString();
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*pod says \/ready$/);
  client.close();
});

test("kube client goes through the kubeconfig's HTTP proxy, with its password, and says when it refuses", async (t) => {
  const server = await startServer(t);
  const tunnels: string[] = [];
  const proxy = createServer();
  proxy.on("connect", (request, socket) => {
    const isAllowed =
      request.headers["proxy-authorization"] === `Basic ${Buffer.from("me:pass").toString("base64")}`;
    tunnels.push(`${isAllowed ? "allowed" : "refused"} ${request.url}`);
    if (!isAllowed) return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const target = connect(server.api.port, server.api.host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    target.on("error", () => socket.destroy());
    socket.on("error", () => target.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => proxy.close());
  const port = (proxy.address() as AddressInfo).port;
  const through = async (user: string): Promise<KubeClient> =>
    clientOf(
      await changedConfig(server, (cluster) => {
        cluster["proxy-url"] = `http://${user}@127.0.0.1:${port}`;
      }),
    );

  const client = await through("me:pass");
  const version = await client.request<{ gitVersion?: string }>("GET", "/version");
  assert.ok(version.gitVersion);
  await client.request("GET", "/api/v1/namespaces/demo/pods");
  client.close();

  const stranger = await through("me:wrong");
  await assert.rejects(stranger.request("GET", "/version"), (error) => {
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "KUBE_UNREACHABLE");
    assert.match(error.message, /refused the tunnel to .*: HTTP 407/);
    return true;
  });
  stranger.close();
  const target = `${server.api.host}:${server.api.port}`;
  assert.deepEqual(tunnels, [`allowed ${target}`, `refused ${target}`]);
});
