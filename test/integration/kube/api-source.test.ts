import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { ApiSource } from "../../../src/kube/api-source.ts";
import { createKubeClient } from "../../../src/kube/connect.ts";
import type { SourceEvent } from "../../../src/kube/source.ts";
import { FakeClock } from "../../support/clock.ts";
import { sendJson, startFakeApiServer } from "../../support/fake-api-server.ts";

const PODS = { group: "", version: "v1", plural: "pods", kind: "Pod" };
const pod = (name: string, resourceVersion: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "demo", resourceVersion },
});

/** Collects events and wakes whoever waits for a certain one. */
function collector() {
  const seen: string[] = [];
  let wake = (): void => {};
  return {
    seen,
    listener(event: SourceEvent): void {
      seen.push("object" in event ? `${event.type} ${event.object.metadata.name}` : event.type);
      wake();
    },
    async until(last: string): Promise<void> {
      while (!seen.includes(last)) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

test("source goes on from the last version when the socket drops in the middle of a line, and re-lists after 410", async () => {
  const watches: ServerResponse[] = [];
  const watchVersions: (string | null)[] = [];
  let lists = 0;
  const clock = new FakeClock();
  const api = await startFakeApiServer((request, response) => {
    const url = new URL(request.url!, "http://x");
    if (url.searchParams.get("watch") !== "true") {
      lists++;
      const items = lists === 1 ? [pod("a", "1")] : [pod("b", "9")];
      return sendJson(response, 200, {
        kind: "PodList",
        apiVersion: "v1",
        metadata: { resourceVersion: String(lists) },
        items,
      });
    }
    watchVersions.push(url.searchParams.get("resourceVersion"));
    watches.push(response);
    response.writeHead(200, { "content-type": "application/json" });
    if (watches.length === 1) {
      response.write(`${JSON.stringify({ type: "ADDED", object: pod("c", "5") })}\n{"type":"ADD`, () =>
        // The first line must be there before the cut.
        setImmediate(() => response.socket?.destroy()),
      );
    } else if (watches.length === 2) {
      response.end(
        `${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, message: "too old" } })}\n`,
      );
    } else {
      response.write(`${JSON.stringify({ type: "ADDED", object: pod("d", "10") })}\n`);
    }
  });
  const client = await createKubeClient({
    kubeconfig: api.kubeconfig,
    context: undefined,
    as: undefined,
    asGroups: [],
    env: {},
    clock,
  });
  const { seen, listener, until } = collector();
  const controller = new AbortController();
  const source = new ApiSource({ client, clock, random: () => 0, log: silentLogger });
  // Every wait of the source (back-off) ends as soon as it begins; its silence timers (minutes) do not fire.
  const pump = setInterval(() => {
    if ((clock.nextDelayMs ?? Number.POSITIVE_INFINITY) <= 30_000) clock.advance(clock.nextDelayMs!);
  }, 5);
  const running = source.run(PODS, listener, controller.signal);
  try {
    await until("apply d");
    assert.deepEqual(seen, [
      "init",
      "init-apply a",
      "init-done",
      "apply c",
      "init",
      "init-apply b",
      "init-done",
      "apply d",
    ]);
    assert.deepEqual(watchVersions, ["1", "5", "2"]);
  } finally {
    controller.abort();
    await running;
    clearInterval(pump);
    client.close();
    await api.close();
  }
});
