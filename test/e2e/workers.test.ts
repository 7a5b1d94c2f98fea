/** A pod whose proxy may use two processors, in a local cluster: the CPU limit of the annotation reaches the threads. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import http, { type IncomingMessage } from "node:http";
import { availableParallelism } from "node:os";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parsePromText } from "../../src/wire/prom-parse.ts";
import { type LocalMesh, startLocalMesh } from "../support/local-mesh.ts";
import { BUILT_ENTRY } from "../support/run-process.ts";

const SKIP = existsSync(BUILT_ENTRY)
  ? availableParallelism() < 2 && "needs two processors"
  : "dist/ is missing: npm run build";
const APPLICATION = fileURLToPath(new URL("../support/apps/caller.ts", import.meta.url));
const CONNECTIONS = 30;

const deployment = (name: string, annotations: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  replicas: 1
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata:
      labels: { app: ${name} }
      annotations: { dev.meshctl.io/command.app: '"${process.execPath}" "${APPLICATION}"'${annotations} }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: example/caller
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 1 }
`;

describe("a pod whose proxy has a CPU limit of two", { skip: SKIP }, () => {
  let mesh: LocalMesh;
  before(async () => {
    mesh = await startLocalMesh();
    const two = ', config.meshctl.io/proxy-cpu-limit: "2"';
    await mesh.apply(
      [
        "apiVersion: v1\nkind: Namespace\nmetadata: { name: shop, annotations: { meshctl.io/inject: enabled } }\n",
        deployment("wide", two),
        deployment("narrow", ""),
      ].join("---\n"),
    );
    await mesh.available("shop");
  });
  after(() => mesh?.stop());

  const ipOf = (app: string): string => (mesh.pods("shop", app).at(-1)!.status as { podIP: string }).podIP;

  async function get(host: string, port: number, path: string): Promise<string> {
    const [response] = (await once(http.get({ host, port, path, agent: false }), "response")) as [
      IncomingMessage,
    ];
    assert.equal(response.statusCode, 200);
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    return text;
  }

  const sum = async (app: string, family: string): Promise<number> => {
    const series = parsePromText(await get(ipOf(app), 4191, "/metrics"));
    return series.filter((each) => each.family === family).reduce((total, { value }) => total + value, 0);
  };

  test("has more threads than one without, and counts all requests behind one port", async () => {
    for (const app of ["wide", "narrow"]) {
      const before = await sum(app, "request_total");
      for (let index = 0; index < CONNECTIONS; index++) await get(ipOf(app), 8080, "/ready");
      // The kubelet's probes are counted too.
      assert.ok((await sum(app, "request_total")) >= before + CONNECTIONS);
    }
    assert.ok((await sum("wide", "process_threads")) > (await sum("narrow", "process_threads")));
  });
});
