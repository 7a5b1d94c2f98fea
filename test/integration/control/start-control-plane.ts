import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { createLogger, type Logger } from "../../../src/base/log.ts";
import { runIdentity } from "../../../src/control/identity/run-identity.ts";
import { runController } from "../../../src/control/run-controller.ts";
import { generateWebhookCertificate } from "../../../src/install/credentials.ts";
import { createKubeClient } from "../../../src/kube/connect.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { valuesToYaml } from "../../../src/values/yaml.ts";
import { createTestAuthority } from "../../support/mesh-authority.ts";
import { startServer } from "../apiserver/support.ts";

/** A log that tells on which port a server listens, as soon as it says so. */
function listeningLog(): { log: Logger; port(server: string): Promise<number>; text(): string } {
  let text = "";
  const waiting: { server: string; resolve: (port: number) => void }[] = [];
  const find = (server: string): number | undefined => {
    const match = new RegExp(`listening server=${server} port=(\\d+)`).exec(text);
    return match ? Number(match[1]) : undefined;
  };
  const log = createLogger({
    level: "debug",
    format: "plain",
    now: () => 0,
    write(line) {
      text += line;
      for (const { server, resolve } of waiting) {
        const port = find(server);
        if (port !== undefined) resolve(port);
      }
    },
  });
  return {
    log,
    text: () => text,
    port: (server) =>
      new Promise((resolve) => {
        const known = find(server);
        if (known !== undefined) resolve(known);
        else waiting.push({ server, resolve });
      }),
  };
}

/** Identity and controller in this process, over an API server in this process. */
export async function startControlPlane(t: TestContext) {
  const server = await startServer(t);
  const directory = await mkdtemp(join(tmpdir(), "meshctl-control-"));
  const client = await createKubeClient({
    kubeconfig: server.kubeconfigPath,
    context: undefined,
    as: undefined,
    asGroups: [],
    env: {},
  });
  const create = (path: string, body: object) => client.request("POST", path, { body });
  await create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "meshctl" } });
  await create("/api/v1/namespaces/meshctl/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "meshctl-controller" },
  });
  const token = await client.request<{ status: { token: string } }>(
    "POST",
    "/api/v1/namespaces/meshctl/serviceaccounts/meshctl-controller/token",
    {
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { audiences: ["identity.l5d.io"], expirationSeconds: 3600 },
      },
    },
  );
  const authority = await createTestAuthority();
  const webhook = await generateWebhookCertificate("meshctl-injector.meshctl.svc", Date.now());
  const file = (name: string) => join(directory, name);
  await writeFile(file("crt.pem"), authority.anchor.certificatePem);
  await writeFile(file("key.pem"), authority.anchor.privateKeyPem);
  await writeFile(file("ca-bundle.crt"), authority.anchor.certificatePem);
  await writeFile(file("tls.crt"), webhook.certificatePem);
  await writeFile(file("tls.key"), webhook.privateKeyPem);
  await writeFile(file("token"), token.status.token);
  await writeFile(file("values"), valuesToYaml(defaultValues("1.2.3")));

  const stopping = new AbortController();
  const logs = listeningLog();
  const shared = {
    client,
    clock: systemClock,
    random: () => 0.5,
    log: logs.log,
    signal: stopping.signal,
    listenHost: "127.0.0.1",
    adminPort: 0,
    ownNetworks: [],
    namespace: "meshctl",
    trustDomain: "cluster.local",
    trustRootsFile: file("ca-bundle.crt"),
  };
  const identity = runIdentity({
    ...shared,
    port: 0,
    issuerDir: directory,
    lifetimeMs: 3_600_000,
    skewMs: 20_000,
  });
  const identityPort = await logs.port("identity");
  const controller = runController({
    ...shared,
    clusterDomain: "cluster.local",
    clusterNetworks: [],
    ports: { destination: 0, policy: 0, injector: 0 },
    valuesFile: file("values"),
    tlsDir: directory,
    tokenFile: file("token"),
    identity: { host: "127.0.0.1", port: identityPort },
    dnsServers: [],
    defaultInboundPolicy: undefined,
    defaultOpaquePorts: undefined,
    podName: "controller-1",
  });
  t.after(async () => {
    stopping.abort();
    await Promise.allSettled([identity, controller]);
    client.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { client, authority, logs, stopping, identity, controller, create };
}
