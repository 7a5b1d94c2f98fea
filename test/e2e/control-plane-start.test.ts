import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { generateIssuer, generateWebhookCertificate } from "../../src/install/credentials.ts";
import { defaultValues } from "../../src/values/defaults.ts";
import { valuesToYaml } from "../../src/values/yaml.ts";
import { startServer } from "../integration/apiserver/support.ts";
import { BUILT_ENTRY, describeRun, runMeshctl } from "../support/run-process.ts";

const skip = !existsSync(BUILT_ENTRY) && "dist/ is missing: npm run build";

/** Processes, each with the flags of its ports, and whether it needs an API server. */
const PROCESSES = [
  { words: ["control-plane"], ports: ["admin", "identity", "destination", "policy"], isInCluster: false },
  { words: ["control-plane", "identity"], ports: ["admin", ""], isInCluster: true },
  { words: ["control-plane", "controller"], ports: ["admin", "injector"], isInCluster: true },
] as const;

for (const { words, ports, isInCluster } of PROCESSES) {
  for (const taken of ports) {
    const flag = (port: string) => (port === "" ? "--port" : `--${port}-port`);
    test(`${words.join(" ")} says that the port of ${flag(taken)} is in use, and ends`, {
      skip,
    }, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), "meshctl-start-"));
      t.after(() => rm(directory, { recursive: true, force: true }));
      const file = (name: string) => join(directory, name);
      const issuer = await generateIssuer("identity.meshctl.cluster.local", Date.now());
      const webhook = await generateWebhookCertificate("meshctl-injector.meshctl.svc", Date.now());
      const files = {
        "crt.pem": issuer.certificatePem,
        "key.pem": issuer.privateKeyPem,
        "ca-bundle.crt": issuer.certificatePem,
        "tls.crt": webhook.certificatePem,
        "tls.key": webhook.privateKeyPem,
        values: valuesToYaml(defaultValues("1.2.3")),
      };
      for (const [name, text] of Object.entries(files)) await writeFile(file(name), text);
      const occupant = createServer().listen(0, "127.0.0.1");
      await once(occupant, "listening");
      t.after(() => occupant.close());
      const { port } = occupant.address() as AddressInfo;

      const args: string[] = [...words, ...ports.map((each) => `${flag(each)}=${each === taken ? port : 0}`)];
      if (!isInCluster) args.push(`--from=${directory}`, `--state=${file("state")}`);
      else {
        const { kubeconfigPath } = await startServer(t);
        args.push(`--kubeconfig=${kubeconfigPath}`, `--trust-roots=${file("ca-bundle.crt")}`);
        if (words[1] === "identity") args.push(`--issuer-dir=${directory}`);
        else args.push(`--values-file=${file("values")}`, `--tls-dir=${directory}`);
      }
      const result = await runMeshctl(args, {
        env: { LISTEN_HOST: "127.0.0.1" },
        expectExit: 1,
        limitMs: 20_000,
      });
      const told = result.stderr.split("\n").filter((line) => /^(error|hint):/.test(line));
      const said = describeRun("meshctl", args, result);
      assert.equal(told.length, 2, said);
      assert.match(
        told[0]!,
        new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use$`),
        said,
      );
      assert.equal(result.stdout, "");
    });
  }
}
