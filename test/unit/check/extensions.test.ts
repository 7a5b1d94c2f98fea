import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { checkExtensions } from "../../../src/check/extensions.ts";
import { FakeClock } from "../../support/clock.ts";
import { ObjectCluster } from "../../support/object-cluster.ts";

/** A folder of the PATH with programs: their scripts by name. */
async function pathFolder(t: TestContext, scripts: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "meshctl-extensions-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
}

const namespaceOf = (extension: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: `meshctl-${extension}`, labels: { "meshctl.io/extension": extension } },
});

const check = (folders: readonly string[], objects: readonly KubeObject[], flags: readonly string[] = []) =>
  checkExtensions({
    inputs: {
      kube: async () => new ObjectCluster(objects).client(),
      namespace: "meshctl",
      dataPlaneNamespace: undefined,
      cliVersion: "1",
      expectedVersion: undefined,
      clock: new FakeClock(),
    },
    env: { PATH: [...folders, "/usr/bin", "/bin"].join(delimiter) },
    flags,
    timeoutMs: 30_000,
    signal: new AbortController().signal,
  });

const SAYS = (name: string, checks: string) =>
  `if [ "$1" = _extension-metadata ]; then echo '{"name":"${name}","checks":"${checks}"}'; exit; fi`;

const RESULT = `echo '{"success":false,"categories":[{"categoryName":"meshctl-a","checks":[
{"description":"it runs","result":"success"},
{"description":"it is new","hint":"https://a.example/#new","error":"'"$*"'","result":"warning"},
{"description":"it works","error":"no","result":"error"}]}]}'; exit 1`;

test("a program that wants always to be asked is, with the user's flags, and its results are ours", async (t) => {
  const folder = await pathFolder(t, {
    "meshctl-a": `${SAYS("meshctl-a", "always")}\n${RESULT}`,
    "meshctl-b": `${SAYS("meshctl-b", "never")}\necho asked >&2`,
    "meshctl-c": "echo what?",
    "meshctl-d": SAYS("meshctl-other", "always"),
  });
  assert.deepEqual(await check([folder], [], ["--context=x"]), [
    { category: "meshctl-a", label: "it runs", anchor: "extensions", outcome: "success" },
    {
      category: "meshctl-a",
      label: "it is new",
      anchor: "extensions",
      outcome: "warning",
      error: "check --context=x --output=json",
      hint: "https://a.example/#new",
    },
    { category: "meshctl-a", label: "it works", anchor: "extensions", outcome: "error", error: "no" },
  ]);
});

test("an extension of a namespace is asked if its program is there; if not, that is a warning", async (t) => {
  const folder = await pathFolder(t, { "meshctl-a": RESULT });
  const results = await check([folder, "/nowhere"], [namespaceOf("a"), namespaceOf("z")]);
  assert.deepEqual(
    results.map(({ category, outcome }) => [category, outcome]),
    [
      ["meshctl-a", "success"],
      ["meshctl-a", "warning"],
      ["meshctl-a", "error"],
      ["meshctl-z", "warning"],
    ],
  );
});

test("a program that says no result is a failed check, with the line that was run and what it said", async (t) => {
  const folder = await pathFolder(t, { "meshctl-a": "echo oops >&2; exit 3", "meshctl-b": "echo '{}'" });
  const [a, b] = await check([folder], [namespaceOf("a"), namespaceOf("b")]);
  assert.equal(a?.label, "meshctl-a check --output=json");
  assert.equal(a?.error, "the extension did not say how it is: oops");
  assert.match(b?.error ?? "", /no result of checks: \{\}/);
});

test("the first folder of the PATH wins", async (t) => {
  const first = await pathFolder(t, { "meshctl-a": "echo first >&2; exit 1" });
  const second = await pathFolder(t, { "meshctl-a": "echo second >&2; exit 1" });
  assert.match((await check([first, second], [namespaceOf("a")]))[0]!.error!, /first$/);
});
