/** Ports that bypass the proxy, seen from both ends. */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { claim, createNamespace } from "./support/claims.ts";
import { apply, execIn, kubectl, LIMIT_MS, pods, rolledOut } from "./support/cluster.ts";
import { deployment, IDLE } from "./support/objects.ts";
import { reached } from "./support/reached.ts";

claim("a skipped inbound port is reached past the server's proxy, and others through it", async () => {
  const namespace = await createNamespace("skip-in", { meshed: true });
  const annotations = { "config.meshctl.io/skip-inbound-ports": "9999" };
  await apply([
    ...peers(namespace, annotations),
    ...deployment({
      namespace,
      name: "client",
      command: IDLE,
      annotations: { "meshctl.io/inject": "disabled" },
    }),
  ]);
  await rolledOut(namespace, "deploy/peer", "deploy/client");
  await reached(namespace, "deploy/client", "peer:9999", "peer:9998");
  const client = await addressOf(namespace, "app=client");
  // The application sees who connected: the client itself, or the proxy of its own pod.
  assert.equal(await peerSeen(namespace, "peer", 9999), client);
  assert.notEqual(await peerSeen(namespace, "peer", 9998), client);
});

claim("a skipped outbound port leaves past the client's proxy, and others through it", async () => {
  const namespace = await createNamespace("skip-out", { meshed: true });
  const annotations = { "config.meshctl.io/skip-outbound-ports": "9999" };
  await apply([
    ...peers(namespace, {}),
    ...deployment({ namespace, name: "client", command: IDLE, annotations }),
  ]);
  await rolledOut(namespace, "deploy/peer", "deploy/client");
  await reached(namespace, "deploy/client", "peer:9999");
  await peerSeen(namespace, "peer", 9999);
  await peerSeen(namespace, "peer", 9998);
  const [pod] = await pods(namespace, "app=peer");
  const stats = `/api/v1/namespaces/${namespace}/pods/${pod!.metadata.name}:4191/proxy/stats?window=60s`;
  const tlsOf = await until(
    "both connections in the statistics of the server's proxy",
    async () => {
      const { stdout } = await kubectl(["get", "--raw", stats]);
      const { tcp } = JSON.parse(stdout) as { tcp: { direction: string; target: string; tls: string }[] };
      const inbound = tcp.filter(({ direction }) => direction === "inbound");
      const tlsOf = new Map(inbound.map(({ target, tls }) => [target, tls]));
      return tlsOf.has("9998") && tlsOf.has("9999") && tlsOf;
    },
    LIMIT_MS,
  );
  assert.deepEqual(Object.fromEntries(tlsOf), { 9998: "true", 9999: "no_tls_from_remote" });
});

function peers(namespace: string, annotations: Readonly<Record<string, string>>): object[] {
  const script = "app peer --addr=:9998 & exec app peer --addr=:9999";
  return deployment({
    namespace,
    name: "peer",
    command: ["sh", "-c", script],
    ports: [9999, 9998],
    readyTcp: [9998, 9999],
    annotations,
  });
}

async function addressOf(namespace: string, selector: string): Promise<string> {
  const [pod] = await pods(namespace, selector);
  return pod!.status.podIP!;
}

/** The address of the client as the application on that port sees it. */
async function peerSeen(namespace: string, host: string, port: number): Promise<string> {
  // The client closes its half at once: it has nothing to say, and the server speaks all the same.
  const script = `nc -w 10 ${host} ${port} </dev/null`;
  const { stdout } = await execIn(namespace, "deploy/client", ["sh", "-c", script]);
  assert.match(stdout, /^\d+\.\d+\.\d+\.\d+:\d+\n$/, `${host}:${port} spoke`);
  return stdout.trim().replace(/:\d+$/, "");
}
