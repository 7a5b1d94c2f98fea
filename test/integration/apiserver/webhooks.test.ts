import "reflect-metadata";
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { openPki } from "../../../src/local/apiserver/auth/pki.ts";
import { CONFIG_MAPS, configMap, NAMESPACES, startServer, type TestServer } from "./support.ts";

const WEBHOOKS = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
};

// biome-ignore lint/suspicious/noExplicitAny: an AdmissionReview
type Review = any;
type Answer = (review: Review) => object | undefined;

interface Hook {
  readonly caBundle: string;
  readonly port: number;
  readonly reviews: Review[];
}

/** A webhook behind Service demo/hook, with a certificate of its own CA. An answer of undefined means silence. */
async function startHook(t: TestContext, dir: string, answer: Answer): Promise<Hook> {
  const pki = await openPki(`${dir}/hook-pki`, Date.now());
  const { certPem, keyPem } = await pki.serverCertificate(["hook.demo.svc"]);
  const reviews: Review[] = [];
  const server = createServer({ cert: certPem, key: keyPem }, (request: IncomingMessage, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    request.on("end", () => {
      const review = JSON.parse(text);
      reviews.push(review);
      const verdict = answer(review);
      if (verdict === undefined) return;
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          apiVersion: "admission.k8s.io/v1",
          kind: "AdmissionReview",
          response: { uid: review.request.uid, allowed: true, ...verdict },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    caBundle: Buffer.from(pki.caPem).toString("base64"),
    port: (server.address() as AddressInfo).port,
    reviews,
  };
}

async function register(
  server: TestServer,
  hook: Hook,
  overrides: Record<string, unknown> = {},
): Promise<void> {
  server.api.setServiceDialer({
    resolve: (namespace, service, port) =>
      namespace === "demo" && service === "hook" && port === 443
        ? { host: "127.0.0.1", port: hook.port }
        : undefined,
  });
  await server.api.objects.create(WEBHOOKS, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: "hook" },
    webhooks: [
      {
        name: "hook.example.com",
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        clientConfig: {
          service: { name: "hook", namespace: "demo", path: "/mutate" },
          caBundle: hook.caBundle,
        },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
        ...overrides,
      },
    ],
  });
}

const addLabel: Answer = () => ({
  patchType: "JSONPatch",
  patch: Buffer.from(
    JSON.stringify([{ op: "add", path: "/metadata/labels", value: { hooked: "yes" } }]),
  ).toString("base64"),
  warnings: ["be careful"],
});

test("mutating webhook's patch is applied, its warnings are passed on", async (t) => {
  const server = await startServer(t);
  const hook = await startHook(t, server.dir, addLabel);
  await register(server, hook);
  const reply = await server.request(
    "POST",
    "/api/v1/namespaces/demo/configmaps",
    configMap("a", { x: "1" }),
  );
  assert.equal(reply.status, 201);
  assert.deepEqual(reply.body.metadata.labels, { hooked: "yes" });
  assert.equal(reply.headers.warning, '299 - "be careful"');
  const { request } = hook.reviews[0];
  assert.equal(request.operation, "CREATE");
  assert.equal(request.namespace, "demo");
  assert.equal(request.object.data.x, "1");
  assert.equal(request.userInfo.username, "kubernetes-admin");
  await server.api.objects.mergePatch(CONFIG_MAPS, "demo", "a", { data: { x: "2" } });
  assert.equal(hook.reviews.length, 1, "UPDATE is not in its rules");
});

test("webhook is asked only about what its selectors select", async (t) => {
  const server = await startServer(t);
  const hook = await startHook(t, server.dir, addLabel);
  await register(server, hook, {
    namespaceSelector: { matchExpressions: [{ key: "skip", operator: "DoesNotExist" }] },
    objectSelector: { matchLabels: { take: "me" } },
  });
  await server.api.objects.create(NAMESPACES, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "quiet", labels: { skip: "1" } },
  });
  const labelled = (name: string, namespace: string, labels: Record<string, string>) => {
    const made = configMap(name, {}, namespace);
    made.metadata.labels = labels;
    return server.api.objects.create(CONFIG_MAPS, made);
  };
  await labelled("a", "demo", { take: "me" });
  await labelled("b", "demo", {});
  await labelled("c", "quiet", { take: "me" });
  assert.deepEqual(
    hook.reviews.map((review) => review.request.name),
    ["a"],
  );
});

test("webhook that denies refuses with its code and message", async (t) => {
  const server = await startServer(t);
  const hook = await startHook(t, server.dir, () => ({
    allowed: false,
    status: { code: 422, message: "not like this" },
  }));
  await register(server, hook);
  const reply = await server.request("POST", "/api/v1/namespaces/demo/configmaps", configMap("a"));
  assert.equal(reply.status, 422);
  assert.equal(reply.body.message, 'admission webhook "hook.example.com" denied the request: not like this');
});

/** Timers that fire twenty times too early, so that a second's timeout is a twentieth's. */
const HURRIED: Clock = {
  ...systemClock,
  schedule: (delayMs, callback) => systemClock.schedule(delayMs / 20, callback),
};

const failures: [name: string, answer: Answer, overrides: Record<string, unknown>, message: RegExp][] = [
  ["does not answer within its timeout", () => undefined, { timeoutSeconds: 1 }, /no answer within 1s/],
  ["answers another request", () => ({ uid: "other" }), {}, /wrong uid/],
  [
    "has no endpoint",
    addLabel,
    { clientConfig: { service: { name: "gone", namespace: "demo" } } },
    /no endpoints available for service "demo\/gone" port 443/,
  ],
  ["shows a certificate that its CA bundle does not know", addLabel, { untrusted: true }, /certificate/],
];

for (const [name, answer, { untrusted, ...overrides }, message] of failures) {
  test(`webhook that ${name} fails the request, or not, as its policy says`, async (t) => {
    const server = await startServer(t, { clock: HURRIED });
    const hook = await startHook(t, server.dir, answer);
    const clientConfig = {
      service: { name: "hook", namespace: "demo" },
      caBundle: untrusted ? Buffer.from(server.api.caPem).toString("base64") : hook.caBundle,
    };
    await register(server, hook, { clientConfig, ...overrides });
    const failed = await server.request("POST", "/api/v1/namespaces/demo/configmaps", configMap("a"));
    assert.equal(failed.status, 500);
    assert.match(failed.body.message, /failed calling webhook "hook.example.com"/);
    assert.match(failed.body.message, message);
    await server.api.objects.mergePatch(WEBHOOKS, undefined, "hook", {
      webhooks: [
        { ...server.api.objects.get(WEBHOOKS, undefined, "hook")!.webhooks[0], failurePolicy: "Ignore" },
      ],
    });
    assert.equal(
      (await server.request("POST", "/api/v1/namespaces/demo/configmaps", configMap("a"))).status,
      201,
    );
  });
}
