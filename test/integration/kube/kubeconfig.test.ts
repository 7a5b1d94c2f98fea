/** Ways of a kubeconfig to name a cluster and to prove who one is, against a small TLS server that asks for client certificates. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";
import { MeshError } from "../../../src/base/error.ts";
import type { KubeClientOptions } from "../../../src/kube/client.ts";
import { createKubeClient } from "../../../src/kube/connect.ts";
import { openPki, type PemPair, type Pki } from "../../../src/local/apiserver/auth/pki.ts";

const YEAR_MS = 365 * 86_400_000;
const SERVER_NAME = "api.test";

interface TlsApi {
  readonly dir: string;
  readonly port: number;
  readonly url: string;
  readonly pki: Pki;
  readonly server: ReturnType<typeof createServer>;
}

/** Answers any path with who asked: subject of the client certificate, authorization header, name in the TLS hello. */
async function startTlsApi(
  t: TestContext,
  options: { readonly serverCert?: PemPair; readonly caPem?: string } = {},
): Promise<TlsApi> {
  const dir = await mkdtemp(join(tmpdir(), "meshctl-kubeconfig-"));
  const pki = await openPki(join(dir, "pki"), Date.now());
  const own = options.serverCert ?? (await pki.serverCertificate(["127.0.0.1", SERVER_NAME]));
  const server = createServer(
    {
      cert: own.certPem,
      key: own.keyPem,
      ca: options.caPem ?? pki.caPem,
      requestCert: true,
      // As API servers do: a certificate that is offered has to be good; none at all is fine.
      rejectUnauthorized: false,
    },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      const subject = socket.getPeerCertificate().subject as { CN?: string } | undefined;
      if (subject?.CN !== undefined && !socket.authorized) {
        response.writeHead(401, { "content-type": "application/json" });
        response.end(
          JSON.stringify({ kind: "Status", code: 401, reason: "Unauthorized", message: "Unauthorized" }),
        );
        return;
      }
      response.end(
        JSON.stringify({
          user: subject?.CN,
          authorization: request.headers.authorization,
          path: request.url,
          servername: socket.servername,
        }),
      );
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true, force: true });
  });
  const { port } = server.address() as AddressInfo;
  return { dir, port, url: `https://127.0.0.1:${port}`, pki, server };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function configOf(cluster: object, user: object): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "one",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
    contexts: [{ name: "one", context: { cluster: "c", user: "u", namespace: "demo" } }],
  };
}

interface Answer {
  readonly user?: string;
  readonly authorization?: string;
  readonly servername?: string | false;
}

async function ask(options: Partial<KubeClientOptions>): Promise<Answer & { readonly namespace: string }> {
  const client = await createKubeClient({
    kubeconfig: undefined,
    context: undefined,
    as: undefined,
    asGroups: [],
    env: {},
    ...options,
  });
  try {
    return { ...(await client.request<Answer>("GET", "/version")), namespace: client.namespace };
  } finally {
    client.close();
  }
}

async function askWith(api: TlsApi, cluster: object, user: object, env: Record<string, string> = {}) {
  const file = join(api.dir, "config");
  await writeFile(file, JSON.stringify(configOf({ server: api.url, ...cluster }, user)));
  return ask({ kubeconfig: file, env });
}

const trusting = (api: TlsApi) => ({ "certificate-authority-data": base64(api.pki.caPem) });

test("a kubeconfig's certificates can be data, or files beside it", async (t) => {
  const api = await startTlsApi(t);
  const { certPem, keyPem } = await api.pki.clientCertificate("jane", ["dev"]);
  const data = await askWith(api, trusting(api), {
    "client-certificate-data": base64(certPem),
    "client-key-data": base64(keyPem),
  });
  assert.equal(data.user, "jane");
  await mkdir(join(api.dir, "certs"));
  for (const [name, text] of [
    ["ca.crt", api.pki.caPem],
    ["jane.crt", certPem],
    ["jane.key", keyPem],
  ] as const) {
    await writeFile(join(api.dir, "certs", name), text);
  }
  const files = await askWith(
    api,
    { "certificate-authority": "certs/ca.crt" },
    { "client-certificate": "certs/jane.crt", "client-key": "certs/jane.key" },
  );
  assert.equal(files.user, "jane");
});

test("a kubeconfig that names a file which is not there says which", async (t) => {
  const api = await startTlsApi(t);
  await assert.rejects(askWith(api, { "certificate-authority": "certs/none.crt" }, {}), (error) => {
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "KUBE_CONFIG_INVALID");
    assert.match(error.message, /certificate-authority .*certs\/none\.crt cannot be read: ENOENT/);
    return true;
  });
});

test("tokens come from the kubeconfig or from a file, and the file wins as in kubectl", async (t) => {
  const api = await startTlsApi(t);
  await writeFile(join(api.dir, "token"), "from-file\n");
  assert.equal((await askWith(api, trusting(api), { token: "inline" })).authorization, "Bearer inline");
  assert.equal(
    (await askWith(api, trusting(api), { token: "inline", tokenFile: "token" })).authorization,
    "Bearer from-file",
  );
  const basic = await askWith(api, trusting(api), { username: "jane", password: "x:y" });
  assert.equal(basic.authorization, `Basic ${base64("jane:x:y")}`);
});

test("a list of kubeconfigs is merged: the first to name something wins, files that are not there are passed over", async (t) => {
  const api = await startTlsApi(t);
  const write = async (name: string, part: object) => {
    await writeFile(join(api.dir, name), JSON.stringify({ apiVersion: "v1", kind: "Config", ...part }));
    return join(api.dir, name);
  };
  const files = [
    await write("contexts", {
      "current-context": "two",
      contexts: [
        { name: "one", context: { cluster: "c", user: "first" } },
        { name: "two", context: { cluster: "c", user: "second", namespace: "two-ns" } },
      ],
    }),
    join(api.dir, "absent"),
    await write("clusters", { clusters: [{ name: "c", cluster: { server: api.url, ...trusting(api) } }] }),
    await write("users", {
      "current-context": "one",
      users: [
        { name: "first", user: { token: "token-1" } },
        { name: "second", user: { token: "token-2" } },
      ],
    }),
    await write("later", {
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "second", user: { token: "other" } }],
    }),
  ];
  const env = { KUBECONFIG: files.join(delimiter) };
  const current = await ask({ env });
  assert.deepEqual([current.authorization, current.namespace], ["Bearer token-2", "two-ns"]);
  const chosen = await ask({ env, context: "one" });
  assert.deepEqual([chosen.authorization, chosen.namespace], ["Bearer token-1", "default"]);
  await assert.rejects(ask({ env, context: "three" }), {
    code: "KUBE_CONTEXT_UNKNOWN",
    hint: "choose one with --context: one, two",
  });
});

test("a server of another authority is refused, unless the kubeconfig skips the check", async (t) => {
  const api = await startTlsApi(t);
  const other = await openPki(join(api.dir, "other"), Date.now());
  await assert.rejects(
    askWith(api, { "certificate-authority-data": base64(other.caPem) }, { token: "x" }),
    (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, "KUBE_WRONG_CA");
      assert.equal(error.anchor, "k8s-api-certificate");
      return true;
    },
  );
  const skipped = await askWith(api, { "insecure-skip-tls-verify": true }, { token: "x" });
  assert.equal(skipped.authorization, "Bearer x");
});

test("tls-server-name is what is sent and what the certificate is compared with", async (t) => {
  const api = await startTlsApi(t);
  const named = await askWith(api, { ...trusting(api), "tls-server-name": SERVER_NAME }, { token: "x" });
  assert.equal(named.servername, SERVER_NAME);
  await assert.rejects(askWith(api, { ...trusting(api), "tls-server-name": "other.test" }, { token: "x" }), {
    code: "KUBE_SERVER_NAME",
    hint: "use a server address that the certificate names, or set tls-server-name in the kubeconfig",
  });
});

test("a client key that is none points at the kubeconfig, not at the cluster", async (t) => {
  const api = await startTlsApi(t);
  const junk = Buffer.from("junk").toString("base64");
  await assert.rejects(
    askWith(api, trusting(api), { "client-certificate-data": junk, "client-key-data": junk }),
    { code: "KUBE_CLIENT_KEY" },
  );
});

for (const [claim, atMs, says] of [
  ["expired", -3 * YEAR_MS, /is expired at this machine's time/],
  ["not yet valid", 3 * YEAR_MS, /is not yet valid at this machine's time/],
] as const) {
  test(`a server certificate that is ${claim} points at the clocks`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "meshctl-kubeconfig-"));
    t.after(() => rm(dir, { recursive: true, force: true }));
    const then = await openPki(dir, Date.now() + atMs);
    const api = await startTlsApi(t, { serverCert: await then.serverCertificate(["127.0.0.1"]) });
    await assert.rejects(
      askWith(api, { "certificate-authority-data": base64(then.caPem) }, { token: "x" }),
      (error) => {
        assert.ok(error instanceof MeshError);
        assert.equal(error.code, "KUBE_SERVER_CERT_TIME", error.message);
        assert.match(error.message, says);
        assert.equal(error.anchor, "k8s-clock-skew");
        return true;
      },
    );
  });
}

test("a client certificate that has expired is named with its date", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "meshctl-kubeconfig-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const then = await openPki(dir, Date.now() - 3 * YEAR_MS);
  const { certPem, keyPem } = await then.clientCertificate("jane", []);
  const api = await startTlsApi(t, { caPem: then.caPem });
  const user = { "client-certificate-data": base64(certPem), "client-key-data": base64(keyPem) };
  await assert.rejects(askWith(api, trusting(api), user), (error) => {
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "KUBE_CLIENT_CERT_EXPIRED", error.message);
    assert.match(error.message, /expired at \d{4}-\d\d-\d\dT/);
    assert.equal(error.anchor, "k8s-credentials");
    return true;
  });
});

test("a credential plugin may answer with a client certificate, and is told the cluster when it asks for it", async (t) => {
  const api = await startTlsApi(t);
  const { certPem, keyPem } = await api.pki.clientCertificate("plugin-user", []);
  await writeFile(
    join(api.dir, "credential.json"),
    JSON.stringify({ status: { clientCertificateData: certPem, clientKeyData: keyPem } }),
  );
  const plugin = join(api.dir, "plugin");
  await writeFile(
    plugin,
    `#!/bin/sh\nprintf '%s' "$KUBERNETES_EXEC_INFO" > "${api.dir}/info.json"\ncat "${api.dir}/credential.json"\n`,
  );
  await chmod(plugin, 0o755);
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "./plugin",
    interactiveMode: "Never",
    provideClusterInfo: true,
  };
  const answer = await askWith(api, trusting(api), { exec }, { PATH: process.env.PATH! });
  assert.equal(answer.user, "plugin-user");
  const info = JSON.parse(await readFile(join(api.dir, "info.json"), "utf8"));
  assert.equal(info.kind, "ExecCredential");
  assert.equal(info.spec.cluster.server, api.url);
  assert.equal(info.spec.cluster["certificate-authority-data"], base64(api.pki.caPem));
});

test("a credential plugin that fails is quoted", async (t) => {
  const api = await startTlsApi(t);
  const plugin = join(api.dir, "plugin");
  await writeFile(plugin, "#!/bin/sh\necho 'session expired, log in' >&2\nexit 3\n");
  await chmod(plugin, 0o755);
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: plugin };
  await assert.rejects(askWith(api, trusting(api), { exec }, { PATH: process.env.PATH! }), {
    code: "KUBE_EXEC_PLUGIN",
    message: `credential plugin ${plugin}: exit code 3: session expired, log in`,
  });
});

test("in a pod, the service account's token, authority and namespace are used", async (t) => {
  const api = await startTlsApi(t);
  const account = join(api.dir, "serviceaccount");
  await mkdir(account);
  await writeFile(join(account, "token"), "pod-token\n");
  await writeFile(join(account, "ca.crt"), api.pki.caPem);
  await writeFile(join(account, "namespace"), "meshctl");
  const env = {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(api.port),
    KUBERNETES_SERVICE_ACCOUNT_DIR: account,
    HOME: api.dir,
  };
  for (const inCluster of [true, false]) {
    const answer = await ask({ env, inCluster });
    assert.deepEqual([answer.authorization, answer.namespace], ["Bearer pod-token", "meshctl"]);
  }
});

test("requests and port-forwards both go through the kubeconfig's proxy, and with HTTPS_PROXY unless NO_PROXY covers the server", async (t) => {
  const api = await startTlsApi(t);
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "v4.channel.k8s.io" });
  api.server.on("upgrade", (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      for (const channel of [0, 1]) webSocket.send(Buffer.from([channel, 0, 0]));
      webSocket.send(Buffer.from("\u0000hello"));
    });
  });
  t.after(() => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
  });
  let tunnels = 0;
  const proxy = createHttpServer();
  proxy.on("connect", (_request, socket) => {
    tunnels++;
    const target = connect(api.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    target.on("error", () => socket.destroy());
    socket.on("error", () => target.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const file = join(api.dir, "config");
  // Nobody resolves this name but the proxy.
  const cluster = { server: `https://${SERVER_NAME}:${api.port}`, ...trusting(api) };
  const open = async (more: object, env: Record<string, string>) => {
    await writeFile(file, JSON.stringify(configOf({ ...cluster, ...more }, { token: "x" })));
    return createKubeClient({ kubeconfig: file, context: undefined, as: undefined, asGroups: [], env });
  };

  const client = await open({ "proxy-url": proxyUrl }, {});
  assert.equal((await client.request<Answer>("GET", "/version")).authorization, "Bearer x");
  const stream = await client.portForward("demo", "web-1", 4191);
  const [data] = await once(stream, "data");
  assert.equal(String(data), "hello");
  stream.destroy();
  client.close();
  // The kept tunnel may carry both.
  assert.ok(tunnels >= 1, `${tunnels} tunnels`);

  const before = tunnels;
  const viaEnv = await open({}, { HTTPS_PROXY: proxyUrl });
  await viaEnv.request("GET", "/version");
  viaEnv.close();
  assert.equal(tunnels, before + 1);

  const direct = await open({}, { HTTPS_PROXY: proxyUrl, NO_PROXY: "other, .test" });
  await assert.rejects(direct.request("GET", "/version"), { code: "KUBE_UNREACHABLE" });
  direct.close();
  assert.equal(tunnels, before + 1);
});
