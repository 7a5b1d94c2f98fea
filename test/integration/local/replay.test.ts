import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createApiServer } from "../../../src/local/apiserver/server.ts";
import { createStore } from "../../../src/local/apiserver/store.ts";
import { differenceLine } from "../../support/replay/compare.ts";
import { withoutKnown } from "../../support/replay/known-differences.ts";
import { parseMaybe, readRecording } from "../../support/replay/recording.ts";
import { type ReplayTarget, replay } from "../../support/replay/replay.ts";
import type { OpenWatch } from "../../support/replay/replay-watch.ts";

const recordingOf = (name: string) => new URL(`../../golden/replay/${name}.jsonl`, import.meta.url);

test("requests of kubectl and of meshctl get the answers that a real API server gave", async (t) => {
  const target = await startTarget(t);
  const recorded = [...readRecording(recordingOf("kubectl-1.36")), ...readRecording(recordingOf("meshctl"))];
  const { findings, unused } = withoutKnown(await replay(recorded, target));
  const lines = findings.flatMap(({ exchange, differences }) => [
    `${exchange.step}: ${exchange.method} ${exchange.path}${exchange.query}`,
    ...differences.map(differenceLine),
  ]);
  assert.equal(lines.length, 0, lines.join("\n"));
  assert.deepEqual(unused, [], "known differences that are none any more");
});

async function startTarget(t: TestContext): Promise<ReplayTarget> {
  const dir = await mkdtemp(join(tmpdir(), "meshctl-replay-"));
  // So that the first versions are too old, as anywhere else.
  const store = createStore({ startVersion: 1000 });
  // Certificates are made now, for TLS is checked against today; everything after it happens at the recording's time.
  let nowMs: number | undefined;
  const clock: Clock = { ...systemClock, now: () => nowMs ?? systemClock.now() };
  let addresses = 0;
  const api = await createApiServer({
    dir,
    port: 0,
    clock,
    log: silentLogger,
    store,
    allocateClusterIp: (_service, wanted) => wanted ?? `10.96.0.${++addresses}`,
  });
  t.after(async () => {
    await api.close();
    await rm(dir, { recursive: true, force: true });
  });
  const user = parse(await api.kubeconfig()).users[0].user;
  const decode = (text: string) => Buffer.from(text, "base64");
  const tls = {
    ca: api.caPem,
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  };
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...tls });
  t.after(() => agent.destroy());
  return {
    store,
    setTime(ms) {
      nowMs = ms;
    },
    watch: (path, headers) =>
      openWatch({ host: api.host, port: api.port, path, headers, agent: false, ...tls }),
    request: (method, path, body, headers) =>
      new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
        const outgoing = httpsRequest({
          host: api.host,
          port: api.port,
          method,
          path,
          headers: { ...headers, ...length },
          agent,
        });
        outgoing.on("error", reject);
        outgoing.on("response", (incoming) => {
          let text = "";
          incoming.setEncoding("utf8");
          incoming.on("data", (chunk: string) => {
            text += chunk;
          });
          incoming.on("error", reject);
          incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: parseMaybe(text) }));
        });
        outgoing.end(body);
      }),
  };
}

function openWatch(options: RequestOptions): Promise<OpenWatch> {
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(options);
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      const lines = createInterface({ input: incoming })[Symbol.asyncIterator]();
      resolve({
        status: incoming.statusCode ?? 0,
        next: async () => {
          const { done, value } = await lines.next();
          return done ? undefined : parseMaybe(value);
        },
        close: () => outgoing.destroy(),
      });
    });
    outgoing.end();
  });
}
