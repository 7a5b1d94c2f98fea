/** The Gateway API's own suite, with its pods meshed. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { ROOT, runProcess } from "../support/run-process.ts";
import { claim } from "./support/claims.ts";
import { KUBECONFIG, kubectl, meshctl, type StatRow } from "./support/cluster.ts";

const TOOLS = resolve(ROOT, process.env.GATEWAY_API_TOOLS ?? "../shared/gateway-api");
const NAMESPACES = ["gateway-conformance-mesh", "gateway-conformance-mesh-consumer"];
const RUNNER = join(TOOLS, "run.sh");
const skip: string | false = existsSync(RUNNER) ? false : `${RUNNER} is missing: set GATEWAY_API_TOOLS`;

claim(
  "MeshBasic of the Gateway API passes, and stat shows its pods meshed",
  async (t) => {
    const before = new Set(await gatewayDefinitions());
    try {
      const args = ["--fast", "--run-test", "MeshBasic", "--keep"];
      const result = await runProcess(RUNNER, args, { env: { KUBECONFIG }, limitMs: 600_000 });
      t.diagnostic(result.stdout.trim().split("\n").at(-1)!);
      assert.match(result.stdout, /^1 passed, 0 failed/m);
      const { stdout } = await meshctl(["stat", "deploy", "-n", NAMESPACES[0]!, "-o", "json"]);
      const { stdout: table } = await meshctl(["stat", "deploy", "-n", NAMESPACES[0]!]);
      t.diagnostic(`\n${table}`);
      const rows = JSON.parse(stdout) as StatRow[];
      assert.ok(rows.length > 0, stdout);
      for (const { name, meshed } of rows)
        assert.match(meshed, /^(\d+)\/\1$/, `${name} is meshed: ${stdout}`);
    } finally {
      await kubectl(["delete", "namespace", ...NAMESPACES, "--ignore-not-found", "--timeout=180s"]);
      const made = (await gatewayDefinitions()).filter((name) => !before.has(name));
      if (made.length > 0) await kubectl(["delete", ...made]);
    }
  },
  { skip },
);

async function gatewayDefinitions(): Promise<string[]> {
  const { stdout } = await kubectl(["get", "crd", "-o", "name"]);
  return stdout.split("\n").filter((name) => name.endsWith(".gateway.networking.k8s.io"));
}
