/** A server that disappears without a word: no FIN, no reset. What clients see, and what the proxies keep of it. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { runProcess } from "../support/run-process.ts";
import { until } from "../support/until.ts";
import { assertNothingLeaked, measure } from "./support/leaks.ts";
import { ask, startLoad } from "./support/load.ts";
import { type MeshPair, PAIR_MISSING, type ServerPod, startMeshPair } from "./support/mesh-pair.ts";
import { findProgram, lacking } from "./support/programs.ts";

const CLIENTS = 20;

interface Disappearance {
  readonly name: string;
  readonly skip: string | false;
  vanish(pod: ServerPod): Promise<void>;
  comeBack(pod: ServerPod): Promise<void>;
}

const rules = async (action: "-I" | "-D", { podHost }: ServerPod) => {
  for (const direction of ["-s", "-d"]) {
    const rule = ["INPUT", direction, podHost, "-p", "tcp", "-j", "DROP"];
    await runProcess(findProgram("iptables")!, ["-w", "10", action, ...rule]);
  }
};

/** Whether this process may write rules at all: root in a container often may not. */
const canFilter = async () => {
  if (process.getuid?.() !== 0) return "needs root";
  const missing = lacking("iptables");
  if (missing) return missing;
  const { exitCode } = await runProcess(findProgram("iptables")!, ["-w", "10", "-S", "INPUT"], {
    expectExit: "any",
  });
  return exitCode !== 0 && "iptables may not be used here";
};

const WAYS: readonly Disappearance[] = [
  {
    name: "its process stands still (SIGSTOP)",
    skip: false,
    async vanish({ proxy }) {
      proxy.child.kill("SIGSTOP");
    },
    async comeBack({ proxy }) {
      proxy.child.kill("SIGCONT");
    },
  },
  {
    name: "the network drops its packets",
    skip: PAIR_MISSING || (await canFilter()),
    vanish: (pod) => rules("-I", pod),
    comeBack: (pod) => rules("-D", pod),
  },
];

for (const { name, skip, vanish, comeBack } of WAYS) {
  describe(`one of two servers disappears: ${name}`, { skip: PAIR_MISSING || skip }, () => {
    let pair: MeshPair;
    const served = [0, 0];
    const apps = served.map((_, index) =>
      createServer((_request, response) => {
        served[index]!++;
        response.end("ok");
      }),
    );

    const askAll = (count: number) =>
      Promise.all(Array.from({ length: count }, () => ask(pair.entrance, "/probe")));

    before(async () => {
      pair = await startMeshPair({ servers: 2 });
      for (const [index, app] of apps.entries()) {
        await new Promise<void>((resolve) => app.listen(pair.appPort, pair.servers[index]!.appHost, resolve));
      }
    });
    after(async () => {
      await pair?.stop();
      for (const app of apps) {
        app.closeAllConnections();
        app.close();
      }
    });

    test("each client waits for it at most once; then the other server serves everybody, until it is back", async (t) => {
      const warm = startLoad(t, pair.entrance, CLIENTS);
      await until("both to serve", async () => {
        await warm.more(200);
        return served[0]! > 100 && served[1]! > 100;
      });
      await warm.stop();
      const baseline = await measure(pair);

      const load = startLoad(t, pair.entrance, CLIENTS);
      await load.more(500);
      const gone = pair.servers[1]!;
      await vanish(gone);
      try {
        // Whoever waits for it is told by the proxy, which asks a silent connection after 10 s and gives it 3.
        await askAll(50);
        const [before] = served;
        assert.deepEqual([...new Set(await askAll(200))], ["200"], "the other server serves");
        assert.ok(served[0]! - before! >= 200);
      } finally {
        await comeBack(gone);
      }
      const before = served[1]!;
      await until(
        "it to serve again",
        async () => {
          await load.more(100);
          return served[1]! > before + 100;
        },
        60_000,
      );
      const seen = await load.stop();
      t.diagnostic(`clients saw ${JSON.stringify(Object.fromEntries(seen))}`);
      const failed = [...seen].filter(([what]) => what !== "200");
      assert.deepEqual(
        failed.filter(([what]) => !/^50[234]$/.test(what)),
        [],
        "a failure is an answer of the proxy",
      );
      const count = failed.reduce((sum, [, each]) => sum + each, 0);
      assert.ok(count <= CLIENTS, `${count} requests failed, of ${CLIENTS} that can have been on it`);
      await assertNothingLeaked(pair, baseline);
    });
  });
}
