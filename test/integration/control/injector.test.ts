import assert from "node:assert/strict";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import type { JsonPatchOperation, KubeObject } from "../../../src/base/kube-object.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { POLICY_REVIEW_PATH, reviewPolicy } from "../../../src/control/admission/policy-review.ts";
import { createFileValues } from "../../../src/control/injector/file-values.ts";
import { type InjectEvent, reviewInjection } from "../../../src/control/injector/inject-review.ts";
import { startWebhookServer } from "../../../src/control/injector/webhook-server.ts";
import { generateWebhookCertificate } from "../../../src/install/credentials.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { valuesToYaml } from "../../../src/values/yaml.ts";

const SERVICE = "meshctl-injector.meshctl.svc";

async function startInjector(namespaceAnnotations: Record<string, string> = {}) {
  const directory = await mkdtemp(join(tmpdir(), "meshctl-injector-"));
  const certificate = await generateWebhookCertificate(SERVICE, Date.now());
  await writeFile(join(directory, "tls.crt"), certificate.certificatePem);
  await writeFile(join(directory, "tls.key"), certificate.privateKeyPem);
  await writeFile(
    join(directory, "values"),
    valuesToYaml({ ...defaultValues("1.2.3"), identityTrustAnchorsPem: "PEM" }),
  );
  const events: InjectEvent[] = [];
  const namespace: KubeObject = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "demo", annotations: namespaceAnnotations },
  };
  const server = await startWebhookServer({
    host: "127.0.0.1",
    port: 0,
    tlsDir: directory,
    log: silentLogger,
    reviews: {
      "/": (admission) =>
        reviewInjection(
          {
            values: createFileValues(join(directory, "values"), undefined),
            namespace: async () => namespace,
            owner: async () => ({ apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "u1" }),
            event: (event) => events.push(event),
            log: silentLogger,
          },
          admission,
        ),
      [POLICY_REVIEW_PATH]: (admission) => reviewPolicy(admission, silentLogger),
    },
  });
  const post = (body: string, ca = certificate.certificatePem, servername = SERVICE, path = "/") =>
    new Promise<{ status: number; body: string; serial: string }>((resolve, reject) => {
      const outgoing = request(
        {
          host: "127.0.0.1",
          port: server.port,
          servername,
          // Without a name there is none to compare; the authority is checked all the same.
          ...(servername === "" ? { checkServerIdentity: () => undefined } : {}),
          ca,
          path,
          method: "POST",
          agent: false,
        },
        (response) => {
          let text = "";
          const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate();
          response.setEncoding("utf8").on("data", (part: string) => (text += part));
          response.once("end", () =>
            resolve({ status: response.statusCode!, body: text, serial: serialNumber }),
          );
        },
      );
      outgoing.once("error", reject);
      outgoing.end(body);
    });
  return {
    directory,
    events,
    post,
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const review = (object: unknown, apiVersion = "admission.k8s.io/v1") =>
  JSON.stringify({
    apiVersion,
    kind: "AdmissionReview",
    request: {
      uid: "r1",
      namespace: "demo",
      operation: "CREATE",
      kind: { version: "v1", kind: "Pod" },
      object,
    },
  });
const pod = (annotations: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { generateName: "web-", annotations },
  spec: { containers: [{ name: "app", image: "app", ports: [{ containerPort: 6379 }] }] },
});
const patchOf = (body: string): JsonPatchOperation[] => {
  const { response } = JSON.parse(body) as { response: { patch?: string } };
  return response.patch === undefined
    ? []
    : (JSON.parse(Buffer.from(response.patch, "base64").toString()) as JsonPatchOperation[]);
};

for (const apiVersion of ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"]) {
  test(`injector answers a ${apiVersion} review with a patch and an event on the owner`, async () => {
    const injector = await startInjector({ "meshctl.io/inject": "enabled" });
    try {
      const reply = await injector.post(review(pod(), apiVersion));
      assert.equal(reply.status, 200);
      const answer = JSON.parse(reply.body) as { apiVersion: string; response: Record<string, unknown> };
      assert.equal(answer.apiVersion, apiVersion);
      assert.equal(answer.response.uid, "r1");
      assert.equal(answer.response.allowed, true);
      assert.equal(answer.response.patchType, "JSONPatch");
      const paths = patchOf(reply.body).map(({ path }) => path);
      assert.ok(paths.includes("/metadata/labels/meshctl.io~1proxy-deployment"), paths.join("\n"));
      assert.ok(paths.some((path) => path.startsWith("/spec/initContainers/")));
      assert.deepEqual(
        injector.events.map(({ reason, owner }) => `${reason} ${owner.kind}/${owner.name}`),
        ["Injected Deployment/web"],
      );
    } finally {
      await injector.stop();
    }
  });
}

test("injector only stamps opaque ports on a pod whose author says disabled, and says why", async () => {
  const injector = await startInjector({ "meshctl.io/inject": "enabled" });
  try {
    const reply = await injector.post(review(pod({ "meshctl.io/inject": "disabled" })));
    assert.deepEqual(
      patchOf(reply.body).map(({ path }) => path),
      ["/metadata/annotations/config.meshctl.io~1opaque-ports"],
    );
    assert.deepEqual(
      injector.events.map(({ reason }) => reason),
      ["InjectionSkipped"],
    );
  } finally {
    await injector.stop();
  }
});

test("injector stamps opaque ports on a Service", async () => {
  const injector = await startInjector();
  try {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "kv" },
      spec: { ports: [{ port: 6379 }] },
    };
    const [operation] = patchOf((await injector.post(review(service))).body).slice(-1);
    assert.deepEqual(operation, {
      op: "add",
      path: "/metadata/annotations/config.meshctl.io~1opaque-ports",
      value: "6379",
    });
  } finally {
    await injector.stop();
  }
});

test("injector answers 400 to what is no review", async () => {
  const injector = await startInjector();
  try {
    assert.equal((await injector.post("{")).status, 400);
    assert.equal((await injector.post('{"kind":"Pod"}')).status, 400);
  } finally {
    await injector.stop();
  }
});

test("injector answers 500 when it fails, so that the failure policy decides", async () => {
  const injector = await startInjector({ "meshctl.io/inject": "enabled" });
  try {
    await writeFile(join(injector.directory, "values"), "proxy: [");
    const reply = await injector.post(review(pod()));
    assert.equal(reply.status, 500);
  } finally {
    await injector.stop();
  }
});

test("injector serves a renewed certificate without a restart", async () => {
  const injector = await startInjector();
  try {
    const before = await injector.post(review(pod()));
    const renewed = await generateWebhookCertificate(SERVICE, Date.now());
    for (const [name, text] of [
      ["tls.crt", renewed.certificatePem],
      ["tls.key", renewed.privateKeyPem],
    ] as const) {
      await writeFile(join(injector.directory, name), text);
      await utimes(join(injector.directory, name), new Date(), new Date(Date.UTC(2030, 0, 1)));
    }
    const after = await injector.post(review(pod()), renewed.certificatePem);
    assert.notEqual(after.serial, before.serial);
    const unnamed = await injector.post(review(pod()), renewed.certificatePem, "");
    assert.equal(unnamed.serial, after.serial);
    // A pair that does not belong together leaves the one before.
    await writeFile(
      join(injector.directory, "tls.key"),
      (await generateWebhookCertificate(SERVICE, Date.now())).privateKeyPem,
    );
    await utimes(join(injector.directory, "tls.key"), new Date(), new Date(Date.UTC(2031, 0, 1)));
    assert.equal((await injector.post(review(pod()), renewed.certificatePem)).serial, after.serial);
  } finally {
    await injector.stop();
  }
});

test("policies have a webhook of their own, which refuses what discovery could not use, and says what would be right", async () => {
  const injector = await startInjector();
  const server = (proxyProtocol: string) =>
    JSON.stringify({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: {
        uid: "r1",
        namespace: "demo",
        operation: "CREATE",
        kind: { group: "policy.meshctl.io", version: "v1beta3", kind: "Server" },
        object: { metadata: { name: "web" }, spec: { podSelector: {}, port: 80, proxyProtocol } },
      },
    });
  const ask = async (body: string, path: string) => injector.post(body, undefined, undefined, path);
  try {
    const refused = await ask(server("HTTP/9"), POLICY_REVIEW_PATH);
    assert.equal(refused.status, 200);
    assert.deepEqual(JSON.parse(refused.body).response, {
      uid: "r1",
      allowed: false,
      status: {
        code: 400,
        reason: "Invalid",
        message:
          'spec.proxyProtocol: "HTTP/9" is unknown: write one of unknown, HTTP/1, HTTP/2, gRPC, opaque, TLS',
      },
    });
    const admitted = await ask(server("HTTP/1"), POLICY_REVIEW_PATH);
    assert.deepEqual(JSON.parse(admitted.body).response, { uid: "r1", allowed: true });
    assert.equal((await ask(server("HTTP/1"), "/elsewhere")).status, 404);
  } finally {
    await injector.stop();
  }
});
