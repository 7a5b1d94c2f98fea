import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../../../src/base/kube-object.ts";
import { silentLogger } from "../../../../../src/base/log.ts";
import type { ControlSettings } from "../../../../../src/control/control-settings.ts";
import { ClusterIndex } from "../../../../../src/control/index/cluster-index.ts";
import { createNotes } from "../../../../../src/control/policy/inbound/notes.ts";
import { portPolicy } from "../../../../../src/control/policy/inbound/port-policy.ts";

const SETTINGS = {
  clusterNetworks: [],
  defaultOpaquePorts: [],
  defaultInboundPolicy: "deny",
} as unknown as ControlSettings;

const object = (
  kind: string,
  name: string,
  spec: object,
  apiVersion = "policy.meshctl.io/v1",
): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: "demo" },
  spec,
});
const pod = object("Pod", "web", { containers: [] }, "v1");
const server = (name: string) => object("Server", name, { podSelector: {}, port: 80 });

/** What is said when the policy of the pod's port is computed. */
function notesOf(...objects: readonly KubeObject[]): string[] {
  const index = new ClusterIndex();
  for (const each of objects) index.apply(each);
  const notes: string[] = [];
  const note = (message: string, fields: Readonly<Record<string, string>>): void => {
    notes.push(`${message} ${Object.values(fields).join(" ")}`);
  };
  portPolicy({ index, settings: SETTINGS, track: () => {}, note }, pod, 80);
  return notes;
}

test("a Server that another one hides is named, with the one that hides it", () => {
  assert.deepEqual(notesOf(server("a"), server("b")), [
    "Server not used: an older one selects the same port demo/b demo/a",
  ]);
  assert.deepEqual(notesOf(server("a")), []);
});

test("a policy that lets nobody in is named, with the reference that leads nowhere", () => {
  const refs = (...kinds: readonly string[]) =>
    kinds.map((kind) => ({ group: "policy.meshctl.io", kind, name: "x" }));
  const policy = (requiredAuthenticationRefs: readonly object[]) =>
    object("AuthorizationPolicy", "p", {
      targetRef: { group: "policy.meshctl.io", kind: "Server", name: "a" },
      requiredAuthenticationRefs,
    });
  assert.deepEqual(notesOf(server("a"), policy(refs("MeshTLSAuthentication"))), [
    "AuthorizationPolicy lets nobody in: what it refers to does not exist demo/p MeshTLSAuthentication demo/x",
  ]);
  assert.deepEqual(
    notesOf(
      server("a"),
      policy(refs("NetworkAuthentication")),
      object("NetworkAuthentication", "x", { networks: [{ cidr: "nowhere" }] }),
    ),
    [
      "AuthorizationPolicy lets nobody in: what it refers to has mistakes demo/p NetworkAuthentication demo/x",
    ],
  );
  assert.deepEqual(notesOf(server("a"), policy([{ kind: "ServiceAccount", name: "x" }])), []);
});

test("a note is logged once, however often policies are computed", () => {
  const lines: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void lines.push(message) };
  const note = createNotes(log);
  note("one", { a: "1" });
  note("one", { a: "1" });
  note("one", { a: "2" });
  assert.deepEqual(lines, ["one", "one"]);
});
