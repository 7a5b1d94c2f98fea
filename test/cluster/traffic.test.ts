/** Real programs, meshed both ways: what they say to each other arrives, and `stat` and `edges` show it secured. */
import assert from "node:assert/strict";
import { before } from "node:test";
import { until } from "../support/until.ts";
import { claim, createNamespace } from "./support/claims.ts";
import {
  apply,
  type Edge,
  execIn,
  isMeshed,
  kubectl,
  LIMIT_MS,
  meshctl,
  NO_CLUSTER,
  pods,
  rolledOut,
  type StatRow,
  startMeshctl,
} from "./support/cluster.ts";
import { deployment, goServer, IDLE } from "./support/objects.ts";
import { NGINX_CONF, WEB_SOCKET_CLIENT, WEB_SOCKET_SERVER } from "./support/programs.ts";
import { reached } from "./support/reached.ts";

/** Asks all day, as pods do. */
const ASK = `while true; do
  for url in http://nginx:8080/ http://go:8080/ http://python:8080/; do curl -s -o /dev/null --max-time 5 $url; done
  redis-cli -h redis ping >/dev/null
  sleep 0.2
done`;

let namespace: string;
let outside: string;

before(
  async () => {
    if (NO_CLUSTER) return;
    namespace = await createNamespace("traffic", { meshed: true });
    outside = await createNamespace("outside", { meshed: false });
    const server = { namespace };
    await apply([
      ...deployment({
        ...server,
        name: "nginx",
        command: ["nginx", "-c", "/files/nginx.conf", "-e", "stderr"],
        files: { "nginx.conf": NGINX_CONF },
        ports: [8080],
        ready: "/",
      }),
      ...goServer({ ...server, name: "go" }),
      ...deployment({
        ...server,
        name: "python",
        command: ["python3", "-m", "http.server", "8080", "--directory", "/files"],
        files: { "index.html": "python speaking\n" },
        ports: [8080],
        ready: "/",
      }),
      ...deployment({
        ...server,
        name: "redis",
        command: ["redis-server", "--save", "", "--protected-mode", "no"],
        ports: [6379],
        readyTcp: [6379],
      }),
      ...deployment({
        ...server,
        name: "ssh",
        command: [
          "sh",
          "-c",
          "dropbearkey -t ed25519 -f /tmp/key && exec dropbear -F -E -r /tmp/key -p 2222",
        ],
        ports: [2222],
        readyTcp: [2222],
      }),
      ...deployment({
        ...server,
        name: "socket",
        command: ["python3", "/files/server.py"],
        files: { "server.py": WEB_SOCKET_SERVER },
        ports: [8080],
        readyTcp: [8080],
      }),
      ...deployment({ ...server, name: "client", command: ["sh", "-c", ASK] }),
      ...deployment({ namespace: outside, name: "client", command: IDLE }),
    ]);
    const names = ["nginx", "go", "python", "redis", "ssh", "socket", "client"];
    await rolledOut(namespace, ...names.map((name) => `deploy/${name}`));
    await rolledOut(outside, "deploy/client");
    const hosts = ["nginx:8080", "go:8080", "python:8080", "redis:6379"];
    await reached(outside, "deploy/client", ...hosts.map((host) => host.replace(":", `.${namespace}:`)));
  },
  { timeout: 2 * LIMIT_MS },
);

const ask = (...command: string[]) => execIn(namespace, "deploy/client", command);

claim("the webhook gave every pod of the namespace a proxy, and none outside of it", async () => {
  const inside = await pods(namespace);
  assert.equal(inside.length, 7);
  for (const pod of inside) assert.ok(isMeshed(pod), pod.metadata.name);
  for (const pod of await pods(outside)) assert.ok(!isMeshed(pod), pod.metadata.name);
});

claim("curl reads nginx, a Go server and a Python server through two proxies", async () => {
  assert.equal((await ask("curl", "-sS", "http://nginx:8080/")).stdout, "nginx speaking\n");
  assert.equal((await ask("curl", "-sS", "http://python:8080/")).stdout, "python speaking\n");
  const answer = JSON.parse((await ask("curl", "-sS", "http://go:8080/")).stdout);
  assert.match(answer.pod, /^go-/);
  // By the name that the client used, by a full name, and by address: the mesh knows the Service all the same.
  await ask("curl", "-sSf", `http://go.${namespace}.svc.cluster.local:8080/`);
  const { stdout: ip } = await kubectl([
    ...["get", "service", "go", "-n", namespace, "-o", "jsonpath={.spec.clusterIP}"],
  ]);
  await ask("curl", "-sSf", `http://${ip}:8080/`);
});

claim("a large body arrives whole, both ways", async () => {
  const command = "head -c 8000000 /dev/zero | curl -sS --data-binary @- http://go:8080/echo | wc -c";
  const script = command.replaceAll("head", "busybox head").replaceAll("wc", "busybox wc");
  assert.equal((await ask("sh", "-c", script)).stdout.trim(), "8000000");
});

claim("redis answers through the mesh", async () => {
  assert.equal((await ask("redis-cli", "-h", "redis", "set", "k", "v")).stdout.trim(), "OK");
  assert.equal((await ask("redis-cli", "-h", "redis", "get", "k")).stdout.trim(), "v");
});

claim("a server that speaks first is heard, and a whole SSH key exchange passes", async () => {
  const { stdout } = await ask("ssh-keyscan", "-T", "20", "-p", "2222", "ssh");
  assert.match(stdout, /^\[?ssh\]?:2222 (ssh-|ecdsa-)\S+ AAAA/m);
});

claim("a WebSocket stays open and echoes what it is sent", async () => {
  const { stdout } = await ask("python3", "-c", WEB_SOCKET_CLIENT, "ws://socket:8080/", "200");
  assert.equal(stdout.trim(), "200 echoed");
});

claim("a client outside of the mesh is answered in plaintext, as the default policy says", async () => {
  for (const name of ["nginx", "go", "python"]) {
    await execIn(outside, "deploy/client", ["curl", "-sSf", `http://${name}.${namespace}:8080/`]);
  }
  const { stdout } = await execIn(outside, "deploy/client", [
    "redis-cli",
    "-h",
    `redis.${namespace}`,
    "ping",
  ]);
  assert.equal(stdout.trim(), "PONG");
});

claim("stat shows every deployment meshed, its success rate and its requests", async (t) => {
  const asked = ["go", "nginx", "python"];
  let rows: readonly StatRow[] = [];
  // The window reaches back to when pods were probed and asked before their programs listened: that passes.
  await until(
    "requests in stat, and success",
    async () => {
      const { stdout } = await meshctl(["stat", "deploy", "-n", namespace, "-o", "json"]);
      rows = JSON.parse(stdout) as StatRow[];
      return asked.every((name) =>
        rows.some((row) => row.name === name && row.rps && row.success && row.success > 0.99),
      );
    },
    LIMIT_MS,
  ).catch(() => {
    // The comparisons below tell what is missing.
  });
  const { stdout: table } = await meshctl(["stat", "deploy", "-n", namespace]);
  t.diagnostic(`\n${table}`);
  assert.deepEqual(
    rows.map(({ name, meshed }) => `${name} ${meshed}`).sort(),
    ["client", "go", "nginx", "python", "redis", "socket", "ssh"].map((name) => `${name} 1/1`),
  );
  for (const name of asked) {
    const row = rows.find((row) => row.name === name)!;
    assert.ok(row.rps !== null && row.rps > 0, JSON.stringify(row));
    assert.ok(row.success !== null && row.success > 0.99, JSON.stringify(row));
  }
});

claim(
  "edges shows the client's connections secured, with both identities, and the outsider's not",
  async (t) => {
    await execIn(outside, "deploy/client", ["curl", "-sSf", `http://go.${namespace}:8080/`]);
    const { stdout } = await meshctl(["edges", "deploy", "-n", namespace, "-o", "json"]);
    const edges = JSON.parse(stdout) as Edge[];
    const { stdout: table } = await meshctl(["edges", "deploy", "-n", namespace, "-o", "wide"]);
    t.diagnostic(`\n${table}`);
    for (const dst of ["nginx", "go", "python", "redis"]) {
      const edge = edges.find(
        (edge) => edge.src === "client" && edge.src_namespace === namespace && edge.dst === dst,
      );
      assert.ok(edge, `client -> ${dst} is missing in ${stdout}`);
      assert.equal(edge.no_tls_reason, "", JSON.stringify(edge));
      assert.equal(edge.client_id, `default.${namespace}`);
      assert.equal(edge.server_id, `default.${namespace}`);
    }
    const plain = edges.find((edge) => edge.src_namespace === outside && edge.dst === "go");
    assert.ok(plain, `the outsider's edge is missing in ${stdout}`);
    assert.notEqual(plain.no_tls_reason, "");
  },
);

claim("tap shows a request as it passes, over mutual TLS", async () => {
  const tap = startMeshctl(["tap", "deploy/go", "-n", namespace]);
  try {
    await tap.waitFor(/^req id=\S+ proxy=in .*tls=true.* :method=GET /m, LIMIT_MS);
    await tap.waitFor(/^rsp id=.* :status=200/m, LIMIT_MS);
  } finally {
    tap.child.kill("SIGINT");
    await tap.done;
  }
});
