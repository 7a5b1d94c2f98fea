import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { ROOT, startProcess } from "../../support/run-process.ts";
import { createTestMeshCa } from "../../support/test-mesh-ca.ts";

/** Of a proxy that nobody certifies: it gets as far as to say how many threads it has. */
async function environment(extra: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const nowhere = "127.0.0.1:1";
  const variables = {
    IDENTITY_LOCAL_NAME: "web.demo.serviceaccount.identity.meshctl.cluster.local",
    IDENTITY_TRUST_ANCHORS: (await createTestMeshCa()).anchorsPem,
    IDENTITY_TOKEN_FILE: "/nowhere",
    IDENTITY_SVC_ADDR: nowhere,
    DESTINATION_SVC_ADDR: nowhere,
    POLICY_SVC_ADDR: nowhere,
    POLICY_WORKLOAD: "{}",
    CAPTURE: "explicit",
    INBOUND_LISTEN_ADDR: "127.0.0.1:0",
    OUTBOUND_LISTEN_ADDRS: "127.0.0.1:0",
    ADMIN_LISTEN_ADDR: "127.0.0.1:0",
    ...extra,
  };
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`MESHCTL_PROXY_${name}`, value]),
  );
}

const skip = availableParallelism() < 2 && "needs two processors";

test("--workers wins over the variables, in both directions", { skip }, async () => {
  for (const [flag, variables, line] of [
    ["2", { CORES_MAX: "1" }, / INFO {2}meshctl proxy .*workers=2/],
    ["1", { CORES_MIN: "2", CORES_MAX: "2" }, / INFO {2}meshctl proxy (?!.*workers=)/],
  ] as const) {
    const running = startProcess(process.execPath, [`${ROOT}commands/main.ts`, "proxy", "--workers", flag], {
      env: await environment(variables),
    });
    await running.waitFor(line);
    running.child.kill("SIGTERM");
    assert.equal((await running.done).exitCode, 0);
  }
});

test("--workers is a whole number above 0", async () => {
  for (const value of ["0", "-1", "1.5", "x"]) {
    const running = startProcess(process.execPath, [
      `${ROOT}commands/main.ts`,
      "proxy",
      `--workers=${value}`,
    ]);
    const { exitCode } = await running.done;
    assert.equal(exitCode, 1, value);
    assert.match(running.stderr(), /--workers/);
  }
});
